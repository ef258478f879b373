import { MillraceError } from '../../errors/millrace-error.ts'

/** What stands for a value that the column's form cannot hold: `null`, where that is asked for; else an error. Never tells the value. */
export type Misfit = (what: string, remedy: string) => 'null'

export function createMisfit(place: { table: string; column: string }, isFatal: boolean): Misfit {
  return (what, remedy) => {
    if (isFatal) throw new MillraceError('FORMAT_VALUE', { ...place, what, remedy })
    return 'null'
  }
}
