import { z } from 'zod'
import { durationSchema, sizeSchema } from '../lib/unit-schemas.ts'

/** Slots and publications are named after the pipeline; Postgres allows these letters and 63 of them in all. */
const NAME = /^[a-z0-9_]{1,46}$/

const typed = z.looseObject({ type: z.string().describe('Which one.') })

/** What every configuration has. `source` and each of `sinks` are checked further by the definition that `type` names. */
export const configSchema = z.strictObject({
  name: z
    .string()
    .regex(NAME, { error: 'must be 1 to 46 of the characters a-z, 0-9 and _' })
    .describe('Names the pipeline, and after it the slot, the publication and the state.'),
  source: typed.describe('Where changes come from.'),
  snapshot: z
    .strictObject({
      mode: z
        .enum(['incremental', 'consistent', 'none'])
        .prefault('incremental')
        .describe(
          '`incremental` copies the rows that are there, in chunks, while changes flow; `none` follows changes only; `consistent` is what `millrace snapshot` does, whatever stands here, and `run` does not: all rows of one point in time.',
        ),
      parallel: z
        .int()
        .min(1)
        .max(64)
        .prefault(4)
        .describe('How many chunks are read at once; no more than the machine has cores, or two.'),
      chunkSize: sizeSchema({ min: '64kB', max: '1GB' }).prefault('4MB').describe('About how much of a table one chunk holds.'),
      queries: z
        .record(z.string().regex(/^[^.]+\..+$/su, { error: 'must be schema.table' }), z.string().min(1))
        .prefault({})
        .describe(
          'For `millrace snapshot` only: a SELECT by `schema.table`, archived under that name; in place of the table, where there is one.',
        ),
    })
    .prefault({})
    .describe('How existing rows are copied.'),
  batch: z
    .strictObject({
      maxSize: sizeSchema({ min: '16kB', max: '256MB' }).prefault('8MB').describe('A batch closes at this size at the latest.'),
      maxWait: durationSchema({ min: '1ms', max: '1m' }).prefault('1s').describe('A batch closes after this time at the latest.'),
    })
    .prefault({})
    .describe('How changes travel together.'),
  transforms: z.array(typed).optional().describe('What is done to changes on the way, in order.'),
  sinks: z.array(typed).min(1, { error: 'must name at least one sink' }).describe('Where changes go.'),
  state: z
    .string()
    .min(1)
    .refine((path) => !path.includes('://'), { error: 'must be the path of a file: a state shared in a database is not there yet' })
    .optional()
    .describe('The SQLite file that holds checkpoints and snapshot progress. Default: `.millrace/NAME.db`.'),
  spool: z
    .strictObject({
      maxSize: sizeSchema({ min: '1MB', max: '10TB' })
        .prefault('10GB')
        .describe('So much is kept on disk for one sink, beside the state file.'),
      whenFull: z
        .enum(['block', 'pause-sink'])
        .prefault('block')
        .describe(
          "What happens when that is used up: `block`: all sinks wait for it; `pause-sink`: the others go on, and the source's log is kept for it.",
        ),
      patience: durationSchema({ min: '1s', max: '1h' })
        .prefault('30s')
        .describe('How long the others wait for a sink that takes nothing, or that alone is too slow.'),
    })
    .optional()
    .describe(
      'Where there are several sinks, or this is set: one that fails or is slow holds up no other, its changes are kept on disk until it takes them.',
    ),
  onError: z
    .strictObject({
      data: z
        .enum(['dead-letter', 'stop'])
        .prefault('dead-letter')
        .describe(
          'What a change that a sink cannot hold does: it is set aside, with the reason, and the rest goes on (`millrace dlq`); or it stops the pipeline.',
        ),
      maxDeadLetters: z
        .int()
        .min(1)
        .max(1_000_000)
        .prefault(1000)
        .describe('So many may lie aside at once; one more stops the pipeline. It is not meant to swallow what is wrong everywhere.'),
      maxDeadLettersAMinute: z
        .int()
        .min(1)
        .max(1_000_000)
        .prefault(100)
        .describe('So many may be set aside within a minute; one more stops the pipeline.'),
    })
    .prefault({})
    .describe('What errors do.'),
})

/** A configuration as it is written, in a file or as an object. What a source or a sink has besides `type` is checked when it is read. */
export type ConfigInput = z.input<typeof configSchema>

export const sinkNameSchema = z
  .string()
  .regex(/^[A-Za-z0-9_.-]{1,64}$/, { error: 'must be 1 to 64 of the characters A-Z, a-z, 0-9, _, . and -' })
  .describe('Names the sink and keys its checkpoint; unique. Default: its type; of a module, the name of its file or package.')
