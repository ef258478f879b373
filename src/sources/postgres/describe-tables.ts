import type { Table } from '../../contracts/table.ts'
import type { PostgresConfig } from './config.ts'
import { closeConnection, connect } from './connection.ts'
import { chooseTables } from './consistent-choose.ts'
import { targetOf } from './target.ts'

/** The tables of the configuration as the catalogue has them, with the columns that an archive holds. */
export async function describeTables(config: PostgresConfig): Promise<readonly Table[]> {
  const connection = await connect(targetOf(config, 'schema'))
  try {
    return (await chooseTables(connection, config, [])).map(({ table }) => table)
  } finally {
    await closeConnection(connection)
  }
}
