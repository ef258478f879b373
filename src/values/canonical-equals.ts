import { UNCHANGED, type Value } from '../contracts/table.ts'
import { lowerBoundsOf } from './lower-bounds.ts'

type Cell = Value | typeof UNCHANGED

/**
 * Whether two canonical values are the same value: NaN equals NaN, 0 differs from −0, text compares exactly,
 * arrays with their lower bounds, objects by field whatever the order.
 */
export function canonicalEquals(a: Cell, b: Cell): boolean {
  if (Object.is(a, b)) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (a instanceof Uint8Array) return b instanceof Uint8Array && bytesEqual(a, b)
  if (b instanceof Uint8Array) return false
  if (isArray(a)) return isArray(b) && arraysEqual(a, b)
  return !isArray(b) && objectsEqual(a, b)
}

function bytesEqual(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return false
  return true
}

function arraysEqual(a: readonly Value[], b: readonly Value[]): boolean {
  return a.length === b.length && boundsEqual(a, b) && a.every((element, at) => canonicalEquals(element, b[at] ?? null))
}

function boundsEqual(a: readonly Value[], b: readonly Value[]): boolean {
  return String(lowerBoundsOf(a)) === String(lowerBoundsOf(b))
}

function objectsEqual(a: { readonly [field: string]: Value }, b: { readonly [field: string]: Value }): boolean {
  const fields = Object.keys(a)
  if (fields.length !== Object.keys(b).length) return false
  return fields.every((field) => Object.hasOwn(b, field) && canonicalEquals(a[field] ?? null, b[field] ?? null))
}

/** `Array.isArray` does not narrow readonly arrays. */
function isArray(value: Value): value is readonly Value[] {
  return Array.isArray(value)
}
