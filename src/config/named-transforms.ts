import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { MillraceError } from '../errors/millrace-error.ts'
import { checkTransforms } from './check-transforms.ts'
import type { ConfiguredTransform } from './config.ts'
import { fillIn } from './interpolate.ts'
import { formatPath, type Mistake } from './mistake.ts'
import { parseText } from './parse-text.ts'
import { checkShape, partsOf } from './shape.ts'

/**
 * Transforms that the command line names: one as it stands in a configuration, `{ type: drop, … }`, a list of them, or the path of a file
 * that holds such a list or a mapping with `transforms`. Paths in them start from the file's folder, else from `baseDir`.
 */
export async function namedTransforms(text: string, baseDir: string): Promise<readonly ConfiguredTransform[]> {
  const isInline = /^\s*[{[]/.test(text)
  const path = resolve(baseDir, text)
  const folder = isInline ? baseDir : dirname(path)
  const { tree, faults } = parseText(isInline ? text : readText(path))
  if (faults.length > 0)
    throw invalid(
      text,
      faults.map(({ message }) => message),
    )
  const input = { transforms: listOf(tree) }
  const { filled, unfilled } = fillIn(input, { baseDir: folder, env: process.env })
  const mistakes: Mistake[] = [...unfilled.map((each) => each.mistake), ...checkShape(filled)]
  const transforms = await checkTransforms(partsOf(filled).transforms, mistakes)
  if (mistakes.length > 0 || transforms.length === 0)
    throw invalid(
      text,
      mistakes.map((each) => `${formatPath(each.path)} ${each.message}`),
    )
  return transforms.map((each) => ({ ...each, baseDir: folder }))
}

function listOf(tree: unknown): unknown[] {
  if (Array.isArray(tree)) return tree
  const inside = typeof tree === 'object' && tree !== null && !('type' in tree) && 'transforms' in tree ? tree.transforms : tree
  return Array.isArray(inside) ? inside : [inside]
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new MillraceError(
      'CONFIG_NOT_FOUND',
      { path, meant: ': --transform takes the path of a file, or { type: …, … } itself.' },
      { cause: error },
    )
  }
}

function invalid(text: string, reasons: readonly string[]): MillraceError {
  const shown = /^\s*[{[]/.test(text) ? '--transform' : `--transform ${text}`
  return new MillraceError('CONFIG_INVALID', { findings: reasons.map((reason) => `  ${shown}  ${reason}`).join('\n') })
}
