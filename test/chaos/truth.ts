import type pg from 'pg'

/** One thing that happened to one key. `v` is a number of the sequence `clock`: it orders what happened to a key, and truncates among it. */
export type Entry = { op: 'insert' | 'update' | 'delete' | 'truncate'; v: number; xid: number }

export type TableTruth = {
  /** By key, as the JSON object that it is in a line; in the order of `v`. A truncate stands in the chain of every key. */
  chains: ReadonlyMap<string, readonly Entry[]>
  /** What happened after this number must be in every log, step by step; null where that is not known: then only from the first line on. */
  since: number | null
}

export type Truth = { tables: ReadonlyMap<string, TableTruth>; events: readonly number[]; transactions: number }

/** A change as a writer notes it: table, what, key, version. */
export type Noted = { t: string; op: Entry['op']; k: string; v: number }

export const JOURNAL = 'public.journal'
export const EVENTS = 'public.events'

export const JOURNAL_SQL = 'CREATE TABLE journal (id bigint PRIMARY KEY, v bigint NOT NULL, xid bigint NOT NULL, changes jsonb NOT NULL)'

/** Notes what the transaction under way did, in that transaction: there is no journal without the commit, and no commit without the journal. */
export async function writeJournal(client: pg.Client, changes: readonly Noted[]): Promise<number> {
  const { rows } = await client.query(
    `WITH one AS (SELECT nextval('clock') AS n)
     INSERT INTO journal SELECT n, n, pg_current_xact_id()::text::bigint & 4294967295, $1 FROM one RETURNING id::text`,
    [JSON.stringify(changes)],
  )
  return Number(rows[0].id)
}

/**
 * What happened, as the journal says. `acknowledged`: the journal's numbers of transactions whose COMMIT was answered; one that is not in the
 * journal was lost by the server itself, and the run says nothing.
 */
export async function readTruth(
  client: pg.Client,
  known: { acknowledged: readonly number[]; since: ReadonlyMap<string, number> },
): Promise<Truth> {
  const { rows } = await client.query('SELECT id::text, xid::text, changes FROM journal ORDER BY id')
  const chains = new Map<string, Map<string, Entry[]>>([[JOURNAL, new Map()]])
  const events: number[] = []
  const truncates: { t: string; entry: Entry }[] = []
  const ids = new Set<number>()
  const chainOf = (t: string, k: string) => {
    const table = chains.get(t) ?? new Map<string, Entry[]>()
    chains.set(t, table)
    const chain = table.get(k) ?? []
    table.set(k, chain)
    return chain
  }
  for (const { id, xid, changes } of rows as { id: string; xid: string; changes: Noted[] }[]) {
    ids.add(Number(id))
    chainOf(JOURNAL, JSON.stringify({ id: Number(id) })).push({ op: 'insert', v: Number(id), xid: Number(xid) })
    for (const { t, op, k, v } of changes) {
      const entry = { op, v, xid: Number(xid) }
      if (t === EVENTS) events.push(v)
      else if (op === 'truncate') truncates.push({ t, entry })
      else chainOf(t, k).push(entry)
    }
  }
  const lost = known.acknowledged.filter((id) => !ids.has(id))
  if (lost.length > 0) throw new Error(`the server lost ${lost.length} transactions whose commit it had answered`)
  for (const { t, entry } of truncates) for (const chain of chains.get(t)?.values() ?? []) chain.push(entry)
  const tables = new Map([...chains].map(([t, byKey]) => [t, { chains: inOrder(byKey), since: known.since.get(t) ?? null }]))
  return { tables, events, transactions: rows.length }
}

function inOrder(chains: Map<string, Entry[]>): Map<string, Entry[]> {
  for (const chain of chains.values()) chain.sort((a, b) => a.v - b.v)
  return chains
}

export const isLive = (entry: Entry | undefined): entry is Entry => entry?.op === 'insert' || entry?.op === 'update'
