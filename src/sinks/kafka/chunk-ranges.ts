import type { ChunkId } from '../../contracts/position.ts'

/**
 * Which chunks are done, by generation (`schema.table/generation`), as short text: `0-15,17`, or `end` once the whole generation is. A table
 * of sixteen thousand chunks is read nearly in order, so a few ranges name what is done of it.
 */
export type ChunkRanges = {
  /** Returns the generation whose text changed; null for what is no chunk of a plan: a row given again from the dead letters. */
  add(chunk: ChunkId): string | null
  /** Takes the text of a generation as it was written. */
  put(generation: string, text: string): void
  text(generation: string): string
  ids(): ChunkId[]
}

type Range = { first: number; last: number }
type Done = { isEnded: boolean; ranges: Range[] }

const END = 'end'

export function createChunkRanges(): ChunkRanges {
  const generations = new Map<string, Done>()

  const doneOf = (generation: string): Done => {
    let done = generations.get(generation)
    if (!done) generations.set(generation, (done = { isEnded: false, ranges: [] }))
    return done
  }

  return {
    add(chunk) {
      const cut = chunk.lastIndexOf('/')
      const generation = chunk.slice(0, cut)
      const place = chunk.slice(cut + 1)
      if (place !== END && !/^\d+$/.test(place)) return null
      const done = doneOf(generation)
      if (place === END) Object.assign(done, { isEnded: true, ranges: [] })
      else if (!done.isEnded) addTo(done.ranges, Number(place))
      return generation
    },
    put(generation, text) {
      generations.set(generation, text === END ? { isEnded: true, ranges: [] } : { isEnded: false, ranges: parseRanges(text) })
    },
    text: (generation) => textOf(doneOf(generation)),
    ids: () => [...generations].flatMap(([generation, done]) => [...idsOf(generation, done)]),
  }
}

function addTo(ranges: Range[], number: number): void {
  let at = ranges.length
  while (at > 0 && ranges[at - 1]!.first > number) at-- // inside the bounds, here and below
  const before = ranges[at - 1]
  if (before && number <= before.last) return
  ranges.splice(at, 0, { first: number, last: number })
  for (let left = Math.max(0, at - 1); left < ranges.length - 1 && left <= at;) {
    const [here, next] = [ranges[left]!, ranges[left + 1]!]
    if (next.first !== here.last + 1) left++
    else {
      here.last = next.last
      ranges.splice(left + 1, 1)
    }
  }
}

function textOf({ isEnded, ranges }: Done): string {
  if (isEnded) return END
  return ranges.map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`)).join(',')
}

function parseRanges(text: string): Range[] {
  if (text === '') return []
  return text.split(',').map((part) => {
    const [first = '', last = first] = part.split('-')
    return { first: Number(first), last: Number(last) }
  })
}

function* idsOf(generation: string, { isEnded, ranges }: Done): Generator<ChunkId> {
  if (isEnded) yield `${generation}/${END}`
  for (const { first, last } of ranges) for (let n = first; n <= last; n++) yield `${generation}/${n}`
}
