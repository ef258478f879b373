import type { Archive, ConsistentSnapshot, SnapshotContext } from './archive.ts'
import type { Log, Sink, SinkCapabilities, SinkContext } from './sink.ts'
import type { Table } from './table.ts'
import type { Source } from './source.ts'
import type { StateStore } from './state-store.ts'
import type { Format } from './format.ts'
import type { Transform } from './transform.ts'

/**
 * What the registry holds of one sink: data, and a lazy `open`. Imports no client library.
 * `config` is a zod strictObject without `type` and `name`; from it come the type, the check, the JSON Schema and the docs.
 */
export type SinkDefinition<Config = unknown> = {
  type: string
  summary: string
  capabilities: SinkCapabilities
  /** What it promises as it is configured, where a setting makes it less than `capabilities` say. */
  delivery?(config: Config): SinkCapabilities['delivery']
  config: Schema<Config>
  /** What may stand before the colon on the command line besides the type: `https` for `http`. */
  schemes?: readonly string[]
  /** `type:rest` on the command line → configuration; null where it cannot be written so. `scheme`: what stands before the colon. */
  fromUrl(rest: string, scheme: string): unknown
  /** Findings before anything is written: reachable, writable? Throws errors of the table. */
  check(config: Config, context: Pick<SinkContext, 'baseDir' | 'name'>): Promise<void>
  /** Refuses tables that it could never hold, from their descriptions alone: before the run makes anything, and in `check`. */
  checkTables?(tables: readonly Table[], config: Config, context: Pick<SinkContext, 'name'>): Promise<void>
  open(config: Config, context: SinkContext): Promise<Sink>
  /** Where what was written lies and how to look at it, for the end of a run; left out where nothing lies anywhere. */
  place?(config: Config, context: PlaceContext): Place
  /** For `millrace snapshot`: sinks without it take no archives. */
  openArchive?(config: Config, context: ArchiveContext): Promise<Archive>
}

export type ArchiveContext = Pick<SinkContext, 'baseDir' | 'name' | 'log'>

/**
 * `pathOf` writes a path (or URL) of the configuration as somebody in the working directory would; `table` is one that is there, for the example.
 */
export type PlaceContext = { pathOf(path: string): string; table: Pick<Table, 'schema' | 'name'> }

/** `query`: a command line for a POSIX shell that shows some of it. */
export type Place = { where: string; query: string }

export type SourceDefinition<Config = unknown> = {
  type: string
  summary: string
  config: Schema<Config>
  fromUrl(url: string): unknown
  open(config: Config, context: SourceContext): Promise<Source>
  /** Opens it for a look: nothing that is made for it outlives it. Left out where a source cannot. */
  openTail?(config: Config, context: SourceContext, options: TailOptions): Promise<Source>
  check(config: Config, context: SourceContext): Promise<readonly Finding[]>
  /** What there is to follow, for `init`. Changes nothing. */
  sketch?(config: Config, context: Pick<SourceContext, 'pipeline'>): Promise<SourceSketch>
  /** Removes slot, publication and whatever else the pipeline made in the source; returns what was removed. */
  drop(config: Config, context: SourceContext): Promise<readonly string[]>
  /** For `millrace snapshot`: the chosen tables at one point in time. */
  openSnapshot?(config: Config, context: SnapshotContext, signal: AbortSignal): Promise<ConsistentSnapshot>
  /** The chosen tables as they are now. */
  describeTables?(config: Config): Promise<readonly Table[]>
  /** The tables that these statements would make; nothing stays of them. `config` null: on a server that is started for it. */
  describeStatements?(config: Config | null, statements: string): Promise<readonly Table[]>
}

/** What `tail` asks of a source. */
export type TailOptions = {
  /** Patterns of tables, in order; empty: all that there are. */
  tables: readonly string[]
  /** The kinds of change that will be shown. */
  operations: ReadonlySet<'insert' | 'update' | 'delete' | 'truncate'>
  /** Whether the rows that are there are read too. */
  withRows: boolean
  /** A sentence for people: what was chosen, what is not shown and why. */
  notice(text: string): void
  /** Nobody wants to look any more: what is being made, or waited for, is let go. */
  signal: AbortSignal
}

export type SourceContext = {
  pipeline: string
  /** `batch.maxSize`, in bytes. */
  batchBytes: number
  /** Rows without a key cannot go to some sink of this pipeline: its name, for the error. Null where all take them. */
  keyNeededBy: string | null
  state: Pick<StateStore, 'get' | 'set' | 'delete'>
  log: Log
}

export type FormatDefinition<Config = unknown> = {
  type: string
  summary: string
  config: Schema<Config>
  /** Of an option that it does not have and that people bring from elsewhere, what to write instead; null where nobody would. */
  insteadOf?(option: string): string | null
  create(config: Config, context: FormatContext): Format
}

/** `pipeline`: its name, which a format may put before topics where nothing else is said. */
export type FormatContext = { pipeline: string }

export type TransformDefinition<Config = unknown> = {
  type: string
  summary: string
  config: Schema<Config>
  create(config: Config, context: TransformContext): Transform | Promise<Transform>
}

/** `name`: how errors call it, e.g. `transforms[0] (mask)`. Relative paths start from `baseDir`. */
export type TransformContext = { name: string; baseDir: string }

/** A database as a newcomer sees it. `rows` is the server's estimate, null where it has none. `problem`: why a table cannot be followed, and `hint`: what helps. */
export type SourceSketch = {
  database: string
  tables: readonly { name: string; schema: string; rows: number | null; bytes: number; problem: string | null; hint: string | null }[]
}

/** One result of `check`: what, how bad, and the remedy. */
export type Finding = {
  /** `check` exits with 1 where any is an `error`: a run would stop there. */
  severity: 'ok' | 'info' | 'warning' | 'error'
  /** Of an error, its code in errors.md; of the others, a name of its own. */
  code: string
  /** What part it belongs to. */
  area?: 'server' | 'rights' | 'publication' | 'tables' | 'values' | 'slots' | 'transforms' | 'sinks' | 'versions'
  /** The table, setting, role, slot or sink. */
  subject: string
  message: string
  /** What to do, with the statement to run; null where nothing is needed. */
  hint: string | null
}

/** What the contracts need of zod, which they may not import. */
export type Schema<T> = { parse(input: unknown): T; safeParse(input: unknown): { success: boolean; error?: unknown; data?: T } }
