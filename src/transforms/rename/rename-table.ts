import { tableName, type Table } from '../../contracts/table.ts'
import type { TableStep } from '../../contracts/transform.ts'
import { MillraceError } from '../../errors/millrace-error.ts'
import { alterTable } from '../alter-table.ts'
import { movedStep } from '../moved-step.ts'
import { nameOf } from './name-template.ts'

export type Names = { to: string | undefined; columns: Readonly<Record<string, string>> }

/** The step that gives a table and its columns other names; null where it has them already. */
export function renameTable(transform: string, table: Table, { to, columns }: Names): TableStep | null {
  const names = to === undefined ? { schema: table.schema, name: table.name } : nameOf(to, table)
  const renamed = table.columns.map((column) => {
    const name = Object.hasOwn(columns, column.name) ? columns[column.name] : undefined
    return name === undefined || name === column.name ? column : { ...column, name }
  })
  const taken = renamed.find(({ name }, index) => renamed.findIndex((other) => other.name === name) !== index)
  if (taken) throw new MillraceError('TRANSFORM_COLUMN_TAKEN', { transform, column: taken.name, table: tableName(table) })
  const isSame = names.schema === table.schema && names.name === table.name && renamed.every((column, at) => column === table.columns[at])
  if (isSame) return null
  return movedStep(
    table,
    alterTable(table, { ...names, columns: renamed }),
    renamed.map((_, index) => index),
  )
}
