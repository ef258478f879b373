import { isMap, isNode, isScalar, isSeq, LineCounter, parseDocument, visit, type Document, type ErrorCode } from 'yaml'
import type { ConfigFinding } from '../errors/config-finding.ts'
import type { Path } from './mistake.ts'

type Place = { line: number; column: number }

/** A place of the text for a path of the configuration: the key's where `at` is `key`, else the value's; of what is missing, where it would be. */
export type Locate = (path: Path, at: 'key' | 'value') => Place | null

/** YAML or JSON (JSON is YAML) as a tree, or everything that keeps it from being one. */
export function parseText(text: string): { tree: unknown; locate: Locate; faults: readonly ConfigFinding[] } {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false })
  const placeAt = (offset: number): Place => {
    const { line, col } = lines.linePos(offset)
    return { line, column: col }
  }
  const faults = [...document.errors, ...document.warnings, ...aliasFaults(document)]
    .toSorted((a, b) => a.pos[0] - b.pos[0])
    .map(({ code, pos }) => finding(wordsFor(code, text.slice(pos[0])), placeAt(pos[0])))
  if (text.includes('\0')) faults.splice(0, Infinity, finding('holds bytes that are no text; save it as UTF-8', placeAt(0)))
  if (faults.length > 0) return { tree: null, locate: () => null, faults: withoutEchoes(faults) }
  const locate: Locate = (path, at) => {
    const offset = offsetOf(document.contents, path, at)
    return offset === null ? null : placeAt(offset)
  }
  return { tree: document.toJS(), locate, faults: [] }
}

function finding(message: string, { line, column }: Place): ConfigFinding {
  return { path: '', line, column, message, allowed: null, nearest: null }
}

/** One fault is often found again in what follows it. */
function withoutEchoes(faults: readonly ConfigFinding[]): readonly ConfigFinding[] {
  return faults.filter((fault, index) => fault.message !== faults[index - 1]?.message)
}

/** The parser's own words are left out, and its excerpts of the text with them: these may hold a secret. */
const WORDS: Partial<Record<ErrorCode, string>> = {
  BAD_DQ_ESCAPE: 'a backslash in double quotes begins an escape that does not exist; write \\\\ or use single quotes',
  BAD_INDENT: 'this line is indented otherwise than the lines that it belongs to',
  BAD_SCALAR_START: 'a text that begins with this sign must be in quotes',
  BLOCK_AS_IMPLICIT_KEY: 'a second `: ` on one line; put the value in quotes',
  BLOCK_IN_FLOW: 'a value or a comma is missing, or a key without { } stands inside [ ] or { }',
  MISSING_CHAR: 'a closing quote, bracket or brace, or a comma, is missing before this place',
  MULTILINE_IMPLICIT_KEY: 'a key must be followed by `: ` on its own line (with a space)',
  MULTIPLE_DOCS: 'a second document begins; a file holds one configuration',
  TAB_AS_INDENT: 'a tab; YAML is indented by spaces only',
  UNEXPECTED_TOKEN: 'something here is not expected; a value with { } [ ] , : or # in it must be in quotes',
}

function wordsFor(code: ErrorCode, text: string): string {
  if (code === 'DUPLICATE_KEY')
    return `the key ${/^["']?[\w.-]{1,64}["']?(?=\s*:)/.exec(text)?.[0] ?? ''} stands here a second time`.replace('key  ', 'key ')
  if (code === 'TAG_RESOLVE_FAILED') return 'a text that begins with ! must be in quotes, such as "!public.audit_*"'
  if (code === 'BAD_ALIAS') return 'a text that begins with * or & must be in quotes, such as "*.*"'
  return WORDS[code] ?? `not valid YAML (${code.toLowerCase().replaceAll('_', ' ')})`
}

/** `*.*` without quotes names an anchor that is not there; the parser throws that only when the tree is made. */
function aliasFaults(document: Document): readonly { code: ErrorCode; pos: [number, number] }[] {
  const faults: { code: ErrorCode; pos: [number, number] }[] = []
  visit(document, {
    Alias(_, alias) {
      const [start = 0, end = 0] = alias.range ?? []
      if (!alias.resolve(document)) faults.push({ code: 'BAD_ALIAS', pos: [start, end] })
    },
  })
  return faults
}

/** The offset of what a path names; where it ends too early, of the last part that is there. */
function offsetOf(root: unknown, path: Path, at: 'key' | 'value'): number | null {
  let place = startOf(root)
  let node = root
  for (const [index, part] of path.entries()) {
    const isLast = index === path.length - 1
    const [key, value] = isMap(node)
      ? (node.items.map((pair) => [pair.key, pair.value]).find(([key]) => String(isScalar(key) ? key.value : key) === String(part)) ?? [])
      : isSeq(node)
        ? [undefined, node.items[Number(part)]]
        : []
    if (key === undefined && value === undefined) return place
    place = (isLast && at === 'key' ? startOf(key) : (startOf(value) ?? startOf(key))) ?? place
    node = value
  }
  return place
}

function startOf(node: unknown): number | null {
  return isNode(node) ? (node.range?.[0] ?? null) : null
}
