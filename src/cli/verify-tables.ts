import type { Table } from '../contracts/table.ts'
import type { Transformation } from '../core/transformation.ts'
import { transformedSource } from '../core/transformed-source.ts'
import type { VerifySide } from './verify-sinks.ts'

type OpenSource = Awaited<ReturnType<VerifySide['open']>>

export type OpenedTables = AsyncDisposable & {
  source(): OpenSource
  /** As they were when it was opened, or renewed. */
  tables(): readonly Table[]
  renew(): Promise<void>
}

/** A source with the tables that it has now: whoever compares must read them as the server describes them at that time. */
export async function openTables(open: VerifySide['open']): Promise<OpenedTables> {
  let source = await open()
  const tablesOf = async () => {
    try {
      return await source.tables()
    } catch (error) {
      await source[Symbol.asyncDispose]()
      throw error
    }
  }
  let tables = await tablesOf()
  return {
    source: () => source,
    tables: () => tables,
    async renew() {
      await source[Symbol.asyncDispose]()
      source = await open()
      tables = await tablesOf()
    },
    [Symbol.asyncDispose]: () => source[Symbol.asyncDispose](),
  }
}

/** The source as the sinks get it. */
export function asTransformed(source: OpenSource, transforms: Transformation | undefined): OpenSource {
  return transforms === undefined ? source : transformedSource(source, transforms)
}
