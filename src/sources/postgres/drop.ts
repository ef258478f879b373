import type { SourceContext } from '../../contracts/definition.ts'
import { quoteIdentifier } from './catalogue-sql.ts'
import { namesOf, type PostgresConfig } from './config.ts'
import { closeConnection, connect } from './connection.ts'
import { findPublications } from './publication.ts'
import { queryAll } from './query.ts'
import { dropSlot, forgetSlot, isOurSlot } from './slot.ts'
import { targetOf } from './target.ts'

/** Removes the slot and the publications that are ours; what somebody else made stays. Returns what was removed. */
export async function dropFromSource(config: PostgresConfig, context: SourceContext): Promise<readonly string[]> {
  const connection = await connect(targetOf(config, context.pipeline))
  try {
    const { slot } = namesOf(config, context.pipeline)
    const removed: string[] = []
    // Under our own name it is ours even where the state was lost; one that the configuration names may be somebody's.
    const isOurs = config.slot === undefined || (await isOurSlot(context.state, slot))
    if (isOurs && (await dropSlot(connection, slot, context.state))) removed.push(`slot ${slot}`)
    await forgetSlot(context.state)
    const found = await findPublications(connection, { pipeline: context.pipeline, config })
    for (const name of found.ours ? found.existing : []) {
      await queryAll(connection, `DROP PUBLICATION IF EXISTS ${quoteIdentifier(name)}`)
      removed.push(`publication ${name}`)
    }
    return removed
  } finally {
    await closeConnection(connection)
  }
}
