/**
 * A point in one log. Opaque outside the source; `<` on the string is log order.
 *
 * Postgres writes two shapes (the source's folder alone knows this):
 * - `0123456789ABCDEF` — everything whose commit record lies before this byte of the log is settled;
 * - `0123456789ABCDEF:00000000000A` — inside the transaction committed at that byte: its changes up to
 *   and including that ordinal are settled. A prefix sorts before its extension, so the order holds.
 */
export type Position = string

/** The number by which a log names one transaction (Postgres: the low 32 bits of the top-level xid). */
export type TransactionId = number

/** Names one chunk of one plan: `<schema>.<table>/<generation>/<n>`; the end of a generation is `<schema>.<table>/<generation>/end`. */
export type ChunkId = string

/**
 * What a sink holds durably. `carry` is the core's own memory at that position (transactions delivered but not
 * yet seen visible to a fresh snapshot); a sink stores it beside the position, in the same atomic act, and never reads it.
 */
export type Checkpoint = { position: Position; carry: string }
