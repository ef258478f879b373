import { nearestName } from '../lib/nearest-name.ts'

/** Text as it stands, or a name to be filled in. `fallback`: what stands there where there is no value; null where none is given. */
export type Piece = string | Placeholder

export type Placeholder =
  | { name: 'schema' | 'table' | 'op' | 'database' | 'key'; fallback: string | null }
  | { name: ColumnRow; column: string; fallback: string | null }

/** `row`: the row as it is after the change, and of a delete the one that was. */
export type ColumnRow = 'after' | 'before' | 'row'

export type ParsedTemplate = { pieces: readonly Piece[]; mistake: null } | { pieces: readonly []; mistake: string }

/** `text ${name} ${after.column:-default} $${literal}`. The mistake is a sentence about the template without a point at its end. */
export function parseTemplate(template: string): ParsedTemplate {
  const pieces: Piece[] = []
  let end = 0
  for (const match of template.matchAll(PLACEHOLDER)) {
    const [whole, doubled = '', inside] = match
    pieces.push(template.slice(end, match.index))
    end = match.index + whole.length
    if (doubled !== '') {
      pieces.push(whole.slice(1))
      continue
    }
    if (inside === undefined) return wrong(`opens \${ without closing it`)
    const piece = placeholderOf(inside)
    if (typeof piece === 'string') return wrong(piece)
    pieces.push(piece)
  }
  pieces.push(template.slice(end))
  return { pieces: pieces.filter((piece) => piece !== ''), mistake: null }
}

function wrong(mistake: string): ParsedTemplate {
  return { pieces: [], mistake }
}

/** A second `$` in front makes it text. One that is never closed has no second group. */
const PLACEHOLDER = /(\$?)\$\{(?:([^}]*)\}|[^}]*$)/g

/** Either the placeholder, or what is wrong with it. */
function placeholderOf(inside: string): Placeholder | string {
  const at = inside.indexOf(':-')
  const written = at < 0 ? inside : inside.slice(0, at)
  const fallback = at < 0 ? null : inside.slice(at + 2)
  if (isName(written)) return { name: written, fallback }
  const dot = written.indexOf('.')
  const row = written.slice(0, dot)
  const column = written.slice(dot + 1)
  if (dot > 0 && column !== '' && isRow(row)) return { name: row, column, fallback }
  const meant = dot > 0 ? nearestOf(row, column) : nearestName(written, NAMES)
  return `holds \${${written}}, which is no name here${meant ? `; did you mean \${${meant}}?` : ''}; allowed: ${ALLOWED}`
}

function nearestOf(row: string, column: string): string | null {
  const meant = nearestName(row, ROWS)
  return meant && `${meant}.${column || 'COLUMN'}`
}

const NAMES = ['schema', 'table', 'op', 'database', 'key'] as const
const ROWS = ['after', 'before', 'row'] as const

/** For messages and for the documents of options. */
export const ALLOWED = [...NAMES.map((name) => `\${${name}}`), ...ROWS.map((row) => `\${${row}.COLUMN}`)].join(', ')

function isName(written: string): written is (typeof NAMES)[number] {
  return (NAMES as readonly string[]).includes(written)
}

function isRow(written: string): written is ColumnRow {
  return (ROWS as readonly string[]).includes(written)
}
