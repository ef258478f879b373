import type { Change } from '../../contracts/change.ts'
import type { Table } from '../../contracts/table.ts'
import type { ScriptChange, TableStep } from '../../contracts/transform.ts'
import type { LoadedScript } from './load-script.ts'
import { createReader } from './read-result.ts'
import { changeObject, readObject } from './script-objects.ts'

/** Every change and every copied row of one table version through a script. */
export function scriptStep(table: Table, script: LoadedScript): TableStep {
  const reader = createReader(table, script.module)
  const run = (given: ScriptChange): readonly ScriptChange[] => reader.listOf(script.call(given, table), given)
  return {
    to: table,
    moves: table.columns.map(() => null),
    selects: true,
    rows: (rows, at) =>
      rows.flatMap((row) => {
        const given = readObject(table, row, at)
        return run(given).map((made) => reader.row(made, given))
      }),
    change(change) {
      const given = changeObject(table, change)
      const made = run(given).map((each): Change => reader.change(each, { given, change }))
      return made.length === 1 ? (made[0] ?? null) : made
    },
  }
}
