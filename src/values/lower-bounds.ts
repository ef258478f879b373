import type { Value } from '../contracts/table.ts'

/**
 * Postgres arrays may start at any index (manual, "Arrays": `[0:2]={1,2,3}`). Where every bound is 1, as nearly
 * always, nothing is stored; else the bounds, one per dimension, ride on the outermost array under this symbol.
 * A symbol keeps them out of iteration, length and JSON.
 */
export const LOWER_BOUNDS: unique symbol = Symbol('lowerBounds')

type Bounded = { [LOWER_BOUNDS]?: readonly number[] }

/** Keeps the bounds on a freshly made array; bounds that are all 1 are not kept. */
export function withLowerBounds(array: Value[], bounds: readonly number[]): readonly Value[] {
  if (bounds.every((bound) => bound === 1)) return array
  Object.defineProperty(array, LOWER_BOUNDS, { value: bounds })
  return array
}

/** The lower bounds, one per dimension; null where all are 1. */
export function lowerBoundsOf(array: readonly Value[]): readonly number[] | null {
  return (array as Bounded)[LOWER_BOUNDS] ?? null
}
