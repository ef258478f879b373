import type { Position } from '../../contracts/position.ts'
import type { Table } from '../../contracts/table.ts'
import { quoted } from '../../messages/json/json-text.ts'

export function namesText({ schema, name }: Pick<Table, 'schema' | 'name'>): string {
  return `"namespace":${quoted(schema)},"name":${quoted(name)}`
}

/** A place in the log as pg2sink's number: the byte of the commit record, past 2^53 too. */
export function lsnText(position: Position): string {
  return String(BigInt(`0x${position.slice(0, 16)}`))
}
