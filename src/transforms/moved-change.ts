import type { RowChange, Transaction } from '../contracts/change.ts'
import type { RowImage } from '../contracts/row-image.ts'
import type { Row, Table } from '../contracts/table.ts'

type Imaged = RowChange & { op: 'insert' | 'update'; image?: RowImage }

/** A change that has an image, of another table: `after` is decoded when it is first asked for, as it was before. */
export function movedChange(change: Imaged, table: Table, image: RowImage): Imaged {
  return new MovedChange(change, table, image) as Imaged // the members of one
}

/** Made once a change: an accessor of each object's own would cost more than all else that is done with it. */
class MovedChange {
  readonly op: 'insert' | 'update'
  readonly table: Table
  readonly before: Row | null
  readonly oldKey: Row | null
  readonly image: RowImage
  readonly ordinal: number
  readonly tx: Transaction
  readonly lsn: number | undefined
  #after: Row | null = null

  constructor({ op, before, oldKey, ordinal, tx, lsn }: Imaged, table: Table, image: RowImage) {
    this.op = op
    this.table = table
    this.before = before
    this.oldKey = oldKey
    this.image = image
    this.ordinal = ordinal
    this.tx = tx
    this.lsn = lsn
  }

  get after(): Row {
    return (this.#after ??= this.image.row())
  }
}
