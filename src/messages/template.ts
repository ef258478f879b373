import type { Table } from '../contracts/table.ts'
import { MillraceError } from '../errors/millrace-error.ts'
import type { PlacedMessage } from './messages-of.ts'
import { parseTemplate, type Piece } from './parse-template.ts'
import { createColumnText, requireColumn } from './template-column.ts'

/** What a message is called by: its topic, its subject, its key. docs/specs/formats.md says what each name gives. */
export type Template = {
  /**
   * A data error where the change does not hold what is asked for, an error of the configuration where its table has no such column;
   * neither where a default is given. Never the word undefined.
   */
  text(placed: PlacedMessage): string
  /** Before anything moves: the error of the configuration that `text` would throw for this table. */
  check(table: Table): void
}

/** Compiled once; what depends on the table alone is put together once per table version. */
export function createTemplate(source: string): Template {
  const { pieces, mistake } = parseTemplate(source)
  if (mistake !== null) throw new MillraceError('TEMPLATE_INVALID', { template: source, reason: mistake })
  const texts = pieces.map((piece) => textOf(piece, source))
  const join = (placed: PlacedMessage): string => {
    let text = ''
    for (const each of texts) text += each(placed)
    return text
  }
  return {
    text: pieces.every(isOfTable) ? oncePerTable(join) : join,
    check(table) {
      for (const piece of pieces) if (typeof piece === 'object' && 'column' in piece) requireColumn(piece, { table, template: source })
    },
  }
}

type TextOf = (placed: PlacedMessage) => string

function isOfTable(piece: Piece): boolean {
  return typeof piece === 'string' || piece.name === 'schema' || piece.name === 'table' || piece.name === 'database'
}

function oncePerTable(join: TextOf): TextOf {
  const known = new WeakMap<Table, string>()
  let last: Table | null = null
  let text = ''
  return (placed) => {
    const { table } = placed
    if (table === null) return join(placed)
    if (table === last) return text
    last = table
    const found = known.get(table)
    if (found !== undefined) return (text = found)
    known.set(table, (text = join(placed)))
    return text
  }
}

function textOf(piece: Piece, template: string): TextOf {
  if (typeof piece === 'string') return () => piece
  const { name, fallback } = piece
  switch (name) {
    case 'schema':
      return ({ table }) => table?.schema ?? fallback ?? OF_NO_TABLE.schema
    case 'table':
      return ({ table }) => table?.name ?? fallback ?? OF_NO_TABLE.table
    case 'database':
      return ({ table }) => table?.database ?? fallback ?? ''
    case 'op':
      return opOf
    case 'key':
      return ({ message }) => message.key ?? fallback ?? ''
    default:
      return createColumnText(piece, template)
  }
}

/** A message of the log, or what ends a transaction, has no table; a topic made of nothing and a dot would be none. */
const OF_NO_TABLE = { schema: 'millrace', table: 'messages' }

/** `control`: what a format tells by itself, a schema or the end of a transaction. */
function opOf({ change, row }: PlacedMessage): string {
  return change?.op ?? (row ? 'read' : 'control')
}
