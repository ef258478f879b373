import type { PreparedColumns, PreparedVector, StoredVector } from './stored-vector.ts'

/** Columns whose memory lies in `buffer` alone, to be given away. */
export type PackedColumns = { columns: PreparedColumns; buffer: ArrayBuffer }

/** One copy into one piece of memory: what is given to a thread must not be taken from other readers of a batch. */
export function packColumns({ rowCount, vectors }: PreparedColumns): PackedColumns {
  const buffer = new ArrayBuffer(vectors.reduce((sum, vector) => sum + sizeOf(vector), 0))
  let at = 0

  function place<View extends Packable>(view: View): View {
    // The cast: the constructor of a view makes views of its kind; a Buffer's is called Uint8Array here.
    const Kind = (view instanceof Buffer ? Uint8Array : view.constructor) as new (buffer: ArrayBuffer, at: number, length: number) => View
    const copy = new Kind(buffer, at, view.length)
    copy.set(view as never)
    at += aligned(view.byteLength)
    return copy
  }

  function packStored(vector: StoredVector): StoredVector {
    const valid = vector.valid === null ? null : place(vector.valid)
    switch (vector.form) {
      case 'fixed':
        return { form: 'fixed', values: place(vector.values), valid }
      case 'uuid':
        return { form: 'uuid', data: place(vector.data), valid }
      case 'varlen':
        return { form: 'varlen', offsets: place(vector.offsets), data: place(vector.data), valid }
    }
  }

  function pack(vector: PreparedVector): PreparedVector {
    if (vector.form !== 'list') return packStored(vector)
    return { ...vector, definition: place(vector.definition), repetition: place(vector.repetition), items: packStored(vector.items) }
  }

  return { columns: { rowCount, vectors: vectors.map(pack) }, buffer }
}

type Packable = Extract<StoredVector, { form: 'fixed' }>['values']

function sizeOf(vector: PreparedVector): number {
  if (vector.form === 'list') return aligned(vector.definition.byteLength) + aligned(vector.repetition.byteLength) + sizeOf(vector.items)
  const valid = vector.valid === null ? 0 : aligned(vector.valid.byteLength)
  if (vector.form === 'fixed') return valid + aligned(vector.values.byteLength)
  if (vector.form === 'uuid') return valid + aligned(vector.data.byteLength)
  return valid + aligned(vector.offsets.byteLength) + aligned(vector.data.byteLength)
}

function aligned(bytes: number): number {
  return (bytes + 7) & ~7
}
