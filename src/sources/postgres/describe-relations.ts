import { createTextDecoder } from '../../codecs/pg-types/create-text-decoder.ts'
import { typeOf } from '../../codecs/pg-types/type-of.ts'
import type { Relation } from '../../codecs/pgoutput/messages.ts'
import { typeClosureSql } from './catalogue-sql.ts'
import { readTable, type Scope } from './catalogue.ts'
import type { Connection } from './connection.ts'
import { queryRows } from './query.ts'
import { describeRelation, type ColumnTypes } from './relation.ts'
import type { RelationMemory } from './relation-memory.ts'
import { readHead } from './slot.ts'
import type { DescribedRelation, DescribeRelation } from './stream.ts'
import { baseModifierOf, createTypeResolver } from './type-facts.ts'

export type DescriberOptions = {
  /** Lends the control connection for one piece of work. */
  withConnection<T>(work: (connection: Connection) => Promise<T>): Promise<T>
  scope(): Scope
  /** Whether a relation of the log is one of the pipeline's tables. */
  isOurs(relation: Pick<Relation, 'id' | 'schema' | 'name'>): boolean
  memory: RelationMemory
}

/**
 * Asks the catalogue what a relation message means, beside what the table was before, in this reading or an earlier one:
 * what changed while nobody read is seen at the first message after it.
 */
export function createRelationDescriber(options: DescriberOptions): DescribeRelation {
  return async (message) => {
    if (!options.isOurs(message)) return null
    const scope = options.scope()
    const { catalogue, types, head } = await options.withConnection(async (connection) => ({
      catalogue: await readTable(connection, scope, message.id),
      types: await readTypes(connection, message, scope.major),
      head: await readHead(connection),
    }))
    const previous = options.memory.previous(message.id)
    const label = `${message.schema}.${message.name}`
    const wantsColumn = (column: string) => scope.wantsColumn(label, column)
    const found = describeRelation({ message, previous, catalogue, types, wantsColumn })
    const { table, storage, rowFilter, excluded, stamps, leaves } = found
    options.memory.note(message.id, { table, storage, rowFilter, excluded, stamps, leaves }, head)
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
    return { type: facts ? typeOf(facts, major).type : { kind: 'unknown', name }, sourceType: name, ...baseModifierOf(facts) }
  }
}
