import { createTextDecoder } from '../../codecs/pg-types/create-text-decoder.ts'
import { typeOf } from '../../codecs/pg-types/type-of.ts'
import type { Relation } from '../../codecs/pgoutput/messages.ts'
import { typeClosureSql } from './catalogue-sql.ts'
import { readTable, type Scope } from './catalogue.ts'
import type { Connection } from './connection.ts'
import { queryRows } from './query.ts'
import { describeRelation, type ColumnTypes, type Known } from './relation.ts'
import type { DescribedRelation, DescribeRelation } from './stream.ts'
import { createTypeResolver } from './type-facts.ts'

export type DescriberOptions = {
  /** Lends the control connection for one piece of work. */
  withConnection<T>(work: (connection: Connection) => Promise<T>): Promise<T>
  scope(): Scope
  /** Whether a relation of the log is one of the pipeline's tables. */
  isOurs(relation: Pick<Relation, 'id' | 'schema' | 'name'>): boolean
}

/**
 * Asks the catalogue what a relation message means. Remembers each table's last description across readings of the log:
 * what changed while a connection was lost is seen at the first message after it.
 */
export function createRelationDescriber(options: DescriberOptions): DescribeRelation {
  const known = new Map<number, Known>()

  return async (message) => {
    if (!options.isOurs(message)) return null
    const scope = options.scope()
    const { catalogue, types } = await options.withConnection(async (connection) => ({
      catalogue: await readTable(connection, scope, message.id),
      types: await readTypes(connection, message, scope.major),
    }))
    const previous = known.get(message.id) ?? null
    const label = `${message.schema}.${message.name}`
    const wantsColumn = (column: string) => scope.wantsColumn(label, column)
    const found = describeRelation({ message, previous, catalogue, types, wantsColumn })
    known.set(message.id, { table: found.table, storage: found.storage })
    return { table: found.table, previous: previous?.table ?? null, reread: found.reread, columns: columnsOf(found) }
  }
}

function columnsOf({ table, places }: { table: DescribedRelation['table']; places: readonly number[] }): DescribedRelation['columns'] {
  return places.map((target) => {
    const column = table.columns[target]
    return column ? { name: column.name, decode: createTextDecoder(column.type), target } : null
  })
}

/** The types that the message itself names: they may be older than the catalogue's. */
async function readTypes(connection: Connection, message: Relation, major: number): Promise<ColumnTypes> {
  const oids = [...new Set(message.columns.map((column) => column.typeOid))]
  const rows = oids.length > 0 ? await queryRows(connection, typeClosureSql(`SELECT unnest('{${oids.join(',')}}'::oid[])`)) : []
  const resolve = createTypeResolver(rows)
  return (typeOid, typeModifier) => {
    const facts = resolve(typeOid, typeModifier)
    const name = facts?.name ?? `type ${typeOid}`
    return { type: facts ? typeOf(facts, major).type : { kind: 'unknown', name }, sourceType: name }
  }
}
