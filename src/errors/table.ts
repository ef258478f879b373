import type { ErrorEntry } from './error-entry.ts'
import { CONFIG_ERRORS } from './config-errors.ts'
import { DEAD_LETTER_ERRORS } from './dead-letter-errors.ts'
import { SOURCE_ERRORS } from './source-errors.ts'
import { SINK_ERRORS } from './sink-errors.ts'
import { KAFKA_ERRORS } from './kafka-errors.ts'
import { SPOOL_ERRORS } from './spool-errors.ts'
import { PROCESS_ERRORS } from './process-errors.ts'
import { TRANSFORM_ERRORS } from './transform-errors.ts'

export type { ErrorEntry, ErrorKind } from './error-entry.ts'

/** Every error a user can meet, by what it is about. */
export const ERRORS = {
  ...CONFIG_ERRORS,
  ...SOURCE_ERRORS,
  ...SINK_ERRORS,
  ...KAFKA_ERRORS,
  ...SPOOL_ERRORS,
  ...TRANSFORM_ERRORS,
  ...PROCESS_ERRORS,
  ...DEAD_LETTER_ERRORS,
} as const satisfies Record<string, ErrorEntry>

export type ErrorCode = keyof typeof ERRORS
