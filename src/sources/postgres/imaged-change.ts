import type { Transaction } from '../../contracts/change.ts'
import type { RowImage } from '../../contracts/row-image.ts'
import type { Row, Table } from '../../contracts/table.ts'

/** An insert, or an update that came without its old row, as contracts/change.ts has them; `after` is decoded when it is first asked for. */
export class ImagedChange {
  readonly op: 'insert' | 'update'
  readonly table: Table
  readonly before = null
  readonly oldKey = null
  readonly image: RowImage
  readonly ordinal: number
  readonly tx: Transaction
  readonly lsn: number
  #after: Row | null = null

  // oxlint-disable-next-line max-params -- one a member: made once a change, where an object of options would cost as much again
  constructor(op: 'insert' | 'update', table: Table, image: RowImage, ordinal: number, tx: Transaction, lsn: number) {
    this.op = op
    this.table = table
    this.image = image
    this.ordinal = ordinal
    this.tx = tx
    this.lsn = lsn
  }

  get after(): Row {
    return (this.#after ??= this.image.row())
  }
}
