import type { ChunkId } from '../contracts/position.ts'

/**
 * When the copy was begun that a chunk belongs to, in microseconds since 1970: its generation's name tells it (`newPlan` of the core). The
 * same on every replay. Null for chunks that are of no whole copy.
 */
export function copyBegunUs(chunk: ChunkId): number | null {
  const ms = Number.parseInt(/\/\d+-([0-9a-z]{8})\/[^/]+$/.exec(chunk)?.[1] ?? '', 36)
  return Number.isNaN(ms) ? null : ms * 1000
}
