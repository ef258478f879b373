import type { Position } from '../contracts/position.ts'
import type { Source } from '../contracts/source.ts'
import type { StateStore } from '../contracts/state-store.ts'
import type { Acknowledged } from '../core/run-resume.ts'
import { lowestDurable } from '../core/settle.ts'
import type { ConfiguredSink } from './config.ts'
import { sinkKeepsRecord } from './open-parts.ts'

type Standing = Acknowledged['sinks'][string]

/**
 * Keeps a run of some sinks (`--sink`) from taking the log away from the others: nothing past the lowest checkpoint of an
 * absent sink is acknowledged. An absent sink that holds nothing yet loses nothing: it begins with a snapshot of its own.
 * What is known of absent sinks is put aside before the run writes its own `acknowledged`, and put back when they return.
 */
export async function createFloor(
  state: StateStore,
  sinks: { present: readonly ConfiguredSink[]; absent: readonly ConfiguredSink[] },
): Promise<(source: Source) => Source> {
  await takeBack(state, sinks.present)
  await putAside(state, sinks.absent)
  const checkpoints = await Promise.all(sinks.absent.map((sink) => checkpointOf(state, sink)))
  const floor = lowestDurable(checkpoints.filter((position) => position !== null))
  return floor === null ? (source) => source : (source) => withFloor(source, floor)
}

const asideKey = (name: string) => `absent/${name}`

async function putAside(state: StateStore, absent: readonly ConfiguredSink[]): Promise<void> {
  const known = await acknowledgedOf(state)
  for (const { name } of absent) {
    const standing = known?.sinks[name]
    if (standing) await state.set({ [asideKey(name)]: standing })
  }
}

async function takeBack(state: StateStore, present: readonly ConfiguredSink[]): Promise<void> {
  for (const { name } of present) {
    const standing = (await state.get(asideKey(name))) as Standing | null // written above
    const known = await acknowledgedOf(state)
    if (standing && known && !known.sinks[name])
      await state.set({ acknowledged: { ...known, sinks: { ...known.sinks, [name]: standing } } })
    if (standing) await state.delete(asideKey(name))
  }
}

/** What is known of a sink, in the pipeline's last run or put aside. */
export async function knownStanding(state: StateStore, name: string): Promise<Standing | null> {
  const aside = (await state.get(asideKey(name))) as Standing | null // written above
  return (await acknowledgedOf(state))?.sinks[name] ?? aside
}

async function checkpointOf(state: StateStore, sink: ConfiguredSink): Promise<Position | null> {
  const stored = sinkKeepsRecord(sink) ? null : await state.sink(sink.name).load()
  return stored?.position ?? (await knownStanding(state, sink.name))?.durable ?? null
}

/** Written by the settlement alone, so its shape is ours. */
async function acknowledgedOf(state: StateStore): Promise<Acknowledged | null> {
  return (await state.get('acknowledged')) as Acknowledged | null
}

/** The same source but for `acknowledge`. Methods are called on the source itself: it may keep private state. */
function withFloor(source: Source, floor: Position): Source {
  const acknowledge = (position: Position) => source.acknowledge(position < floor ? position : floor)
  return new Proxy(source, {
    get(target, property) {
      if (property === 'acknowledge') return acknowledge
      const value: unknown = Reflect.get(target, property, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}
