import type { Value } from '../../../contracts/table.ts'
import { lowerBoundsOf } from '../../../values/lower-bounds.ts'
import { CHUNK_ROWS, Cells, type ColumnWriter, type WriterContext } from './cells.ts'

/** Lists of one dimension, from 1 on: the children of a vector's values lie one after another in one child vector. */
export function createListWriter(of: ColumnWriter, { bindings, misfit }: WriterContext): ColumnWriter {
  const cells = new Cells(bindings, 16)
  return {
    logical: bindings.create_list_type(of.logical),
    write(values, count, target) {
      cells.begin(count)
      const items: unknown[] = []
      for (let i = 0; i < count; i++) {
        const value = values[i] as readonly Value[] | null
        cells.set64(2 * i, items.length)
        cells.set64(2 * i + 1, value?.length ?? 0)
        if (value === null) cells.setNull(i)
        else if (!isFlat(value)) misfit({ canClamp: false, shape: true })
        else for (const item of value) items.push(item)
      }
      if (items.length > CHUNK_ROWS) bindings.list_vector_reserve(target, items.length)
      bindings.list_vector_set_size(target, items.length)
      if (items.length > 0) of.write(items, items.length, bindings.list_vector_get_child(target))
      cells.end(count, target)
    },
    copy: () => false,
  }
}

/** Neither more dimensions than one nor a lower bound of its own. */
function isFlat(value: readonly Value[]): boolean {
  return lowerBoundsOf(value) === null && !value.some(Array.isArray)
}
