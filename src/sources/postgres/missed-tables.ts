import type { SourceContext } from '../../contracts/definition.ts'
import type { Position } from '../../contracts/position.ts'

/**
 * Tables of ours that somebody took out of the publication and that were put back: what was written to them between is in
 * no log, so they must be copied anew. Written down before they are put back, since from then on nothing shows that they
 * were away, and forgotten once a position behind the telling is acknowledged.
 */
export type MissedTables = {
  load(): Promise<void>
  mark(ids: readonly number[]): Promise<void>
  has(id: number): boolean
  /** `behind`: a position behind the one where the core was told and wrote it down. */
  told(id: number, behind: Position): void
  acknowledged(position: Position): void
  forget(): Promise<void>
}

const KEY = 'postgres/missed'

export function createMissedTables(state: SourceContext['state'], failed: (error: unknown) => void): MissedTables {
  /** Null: to be told. */
  let toldBehind: Map<number, Position | null> | null = null
  const load = async () => (toldBehind ??= new Map(((await state.get(KEY)) as number[] | null | undefined)?.map((id) => [id, null]))) // written by save
  const save = () => state.set({ [KEY]: [...(toldBehind?.keys() ?? [])] })
  return {
    load: async () => void (await load()),
    async mark(ids) {
      const marks = await load()
      if (ids.length === 0) return
      for (const id of ids) marks.set(id, null)
      await save()
    },
    has: (id) => toldBehind?.get(id) === null,
    told(id, behind) {
      if (toldBehind?.get(id) === null) toldBehind.set(id, behind)
    },
    acknowledged(position) {
      const settled = [...(toldBehind ?? [])].filter(([, behind]) => behind !== null && behind <= position)
      if (settled.length === 0) return
      for (const [id] of settled) toldBehind?.delete(id)
      save().catch(failed)
    },
    async forget() {
      toldBehind = new Map()
      await state.delete(KEY)
    },
  }
}
