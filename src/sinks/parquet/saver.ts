import type { Checkpoint } from '../../contracts/position.ts'
import type { SinkContext } from '../../contracts/sink.ts'
import { createDeferred } from '../../lib/deferred.ts'
import type { ParquetRecord } from './checkpoints.ts'
import type { Ledger } from './ledger.ts'

/** Between two saves of a flood: each waits for the disk, and everything else waits with it. What a crash forgets by that is found in the files, or read again. */
const REST_MS = 100

export type SaverOptions = Pick<SinkContext, 'state' | 'durable'> & {
  ledger: Ledger
  own: ParquetRecord
  failed(error: unknown): void
  restMs?: number
}

/**
 * Saves what the ledger says is durable, and reports it once it is saved: one save at a time, each of all that came meanwhile, with a
 * rest between them where nobody waits.
 * After a failure nothing more is saved: the sink is opened anew.
 */
export function createSaver({ ledger, state, own, durable, failed, restMs = REST_MS }: SaverOptions) {
  let saved: Checkpoint | null = null
  let saving: Promise<void> | null = null
  /** Asked for while one was under way, which may have looked already. */
  let isAgain = false
  let savedAt = -Infinity
  let isAwaited = false
  let endRest: (() => void) | null = null

  async function rest(): Promise<void> {
    const leftMs = savedAt + restMs - performance.now()
    if (isAwaited || leftMs <= 0) return
    const { promise, resolve } = createDeferred<void>()
    endRest = resolve
    const timer = setTimeout(resolve, leftMs)
    await promise
    clearTimeout(timer)
    endRest = null
  }

  /** The last position saved; null where there was nothing to save. */
  async function saveAll(): Promise<string | null> {
    let last: string | null = null
    for (let next = ledger.checkpoint(); next !== null; next = ledger.checkpoint()) {
      await state.save({ ...next, data: own })
      savedAt = performance.now()
      saved = next
      last = next.position
      durable(last)
    }
    return last
  }

  async function run(): Promise<void> {
    try {
      let last: string | null = null
      do {
        await rest()
        isAgain = false
        last = (await saveAll()) ?? last
      } while (isAgain)
      saving = null
      // Again, now that nothing may be pending any more.
      if (last !== null) durable(last)
    } catch (error) {
      saving = null
      failed(error)
      throw error
    }
  }

  return {
    save(): void {
      if (saving !== null) return void (isAgain = true)
      saving = Promise.resolve().then(run)
      saving.catch(() => {}) // told by `failed`
    },
    /** What an earlier life saved; null where that is void. */
    begin(record: Checkpoint | null): void {
      saved = record
    },
    /** What is saved. */
    get saved(): Checkpoint | null {
      return saved
    },
    get isSaving(): boolean {
      return saving !== null
    },
    /** Once everything is saved: nothing rests until then. */
    async idle(): Promise<void> {
      isAwaited = true
      endRest?.()
      try {
        while (saving !== null) await saving
      } finally {
        isAwaited = false
      }
    },
  }
}
