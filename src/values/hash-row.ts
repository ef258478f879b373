import { UNCHANGED, type Row, type Table, type Value } from '../contracts/table.ts'
import { lowerBoundsOf } from './lower-bounds.ts'

const MASK = 0xffffffffn

/**
 * 64 bits of a row's canonical values, the same in every process and on every machine: equal rows have equal hashes,
 * and where they differ the hashes differ but for one case in 2^64. Every value is preceded by its kind and, where it
 * has one, its length, so that neighbours cannot be confused. Sums of hashes compare sets of rows whatever their order.
 */
export function hashRow(table: Table, row: Row): bigint {
  const hash = new Hash()
  for (let at = 0; at < table.columns.length; at++) hash.value(row[at] ?? null)
  return hash.digest()
}

const float = new Float64Array(1)
const bits = new Uint32Array(float.buffer)

/** Two lanes of multiply and xor with a shift, over 32-bit words, finished as MurmurHash3 does. */
class Hash {
  #a = 0x9747b28c | 0
  #b = 0x2c1b3c6d | 0

  value(value: Value | typeof UNCHANGED): void {
    switch (typeof value) {
      case 'string':
        return this.#text(value)
      case 'number':
        return this.#number(value)
      case 'bigint':
        return this.#bigint(value)
      case 'boolean':
        return this.#word(value ? 1 : 2)
      case 'symbol':
        return this.#word(3)
      default:
        return value === null ? this.#word(4) : this.#object(value)
    }
  }

  digest(): bigint {
    const a = finish(this.#a ^ (this.#b >>> 15))
    const b = finish(this.#b ^ (this.#a >>> 13))
    return (BigInt(a) << 32n) | BigInt(b)
  }

  #word(word: number): void {
    const a = Math.imul(this.#a ^ word, 0x85ebca6b)
    const b = Math.imul(this.#b ^ word, 0xc2b2ae35)
    this.#a = a ^ (a >>> 15)
    this.#b = b ^ (b >>> 13)
  }

  #text(text: string): void {
    this.#word(5)
    this.#word(text.length)
    // `#word` for each character, with the lanes in registers.
    let a = this.#a
    let b = this.#b
    for (let at = 0; at < text.length; at++) {
      const unit = text.charCodeAt(at)
      a = Math.imul(a ^ unit, 0x85ebca6b)
      b = Math.imul(b ^ unit, 0xc2b2ae35)
      a ^= a >>> 15
      b ^= b >>> 13
    }
    this.#a = a
    this.#b = b
  }

  /** The bits of the double: −0 differs from 0; every NaN is one. */
  #number(value: number): void {
    float[0] = value
    this.#word(6)
    if (Number.isNaN(value)) return this.#word(-1)
    this.#word(bits[0] as number)
    this.#word(bits[1] as number)
  }

  #bigint(value: bigint): void {
    this.#word(7)
    this.#word(Number(value & MASK))
    this.#word(Number((value >> 32n) & MASK))
  }

  #object(value: Uint8Array | readonly Value[] | { readonly [field: string]: Value }): void {
    if (value instanceof Uint8Array) return this.#bytes(value)
    if (Array.isArray(value)) return this.#array(value as readonly Value[])
    const fields = value as { readonly [field: string]: Value }
    const names = Object.keys(fields).sort()
    this.#word(8)
    this.#word(names.length)
    for (const name of names) {
      this.#text(name)
      this.value(fields[name] ?? null)
    }
  }

  #bytes(bytes: Uint8Array): void {
    this.#word(9)
    this.#word(bytes.length)
    for (let at = 0; at < bytes.length; at++) this.#word(bytes[at] as number)
  }

  #array(array: readonly Value[]): void {
    const bounds = lowerBoundsOf(array)
    this.#word(10)
    this.#word(array.length)
    this.#word(bounds?.length ?? 0)
    if (bounds) for (const bound of bounds) this.#word(bound)
    for (const element of array) this.value(element)
  }
}

/** MurmurHash3's finalizer, as an unsigned number. */
function finish(hash: number): number {
  let mixed = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return (mixed ^ (mixed >>> 16)) >>> 0
}
