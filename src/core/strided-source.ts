import type { ChangesBatch } from '../contracts/batch.ts'
import type { Change } from '../contracts/change.ts'
import type { Position } from '../contracts/position.ts'
import type { Source, SourceControl } from '../contracts/source.ts'
import { STRIDE, strided, unstrided } from './pieces.ts'

/** The source with its ordinals counted in strides (pieces.ts), in changes and in positions; everything behind it counts so. */
export function stridedSource(source: Source): Source {
  const own: Pick<Source, 'read' | 'acknowledge' | 'nudge'> = {
    read: (from, signal) => readStrided(source.read(unstrided(from), signal)),
    acknowledge: (position) => source.acknowledge(unstrided(position)),
    nudge: (position, waitedMs) => source.nudge(unstrided(position), waitedMs),
  }
  // Methods are called on the source itself: it may keep private state.
  return new Proxy(source, {
    get(target, property) {
      if (Object.hasOwn(own, property)) return own[property as keyof typeof own]
      const value: unknown = Reflect.get(target, property, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

function readStrided(stream: AsyncIterable<ChangesBatch | SourceControl>): AsyncIterable<ChangesBatch | SourceControl> {
  return {
    [Symbol.asyncIterator]() {
      const inner = stream[Symbol.asyncIterator]()
      return {
        async next() {
          const { value, done } = await inner.next()
          return done ? { value, done } : { value: stridedBatch(value), done: false }
        },
        // Leaving ends the source's own reading, as without this.
        return: async () => (await inner.return?.()) ?? { value: undefined, done: true },
      }
    },
  }
}

function stridedBatch(batch: ChangesBatch | SourceControl): ChangesBatch | SourceControl {
  const end: Position = strided(batch.end)
  if (batch.kind === 'control') return { ...batch, end }
  const { raw: _, ...rest } = batch
  return { ...rest, end, changes: batch.changes.map(stridedChange) }
}

function stridedChange(change: Change): Change {
  const ordinal = change.ordinal * STRIDE
  if (!('image' in change) || !change.image) return { ...change, ordinal }
  // `after` may be an accessor of the source's, which a spread would lose.
  return {
    ...change,
    ordinal,
    get after() {
      return change.after
    },
  }
}
