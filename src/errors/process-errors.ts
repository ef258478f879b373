import type { ErrorEntry } from './error-entry.ts'

/** State, processes, and faults of our own. */
export const PROCESS_ERRORS = {
  STATE_CORRUPT: {
    kind: 'operator',
    message: 'The state {path} cannot be read: {reason}.',
    hint: 'Restore it from a backup, or move it away and run `millrace run --repair`.',
  },
  STATE_UNWRITABLE: {
    kind: 'operator',
    message: 'The state {path} cannot be written: {reason}.',
    hint: 'See to the rights and space there.',
  },
  STATE_OTHER_PIPELINE: {
    kind: 'config',
    message: 'The state {path} belongs to the pipeline {found}, not {expected}.',
    hint: 'Give each pipeline a state of its own.',
  },
  PIPELINE_RUNNING: {
    kind: 'operator',
    message: 'The pipeline {pipeline} is already running (process {pid}).',
    hint: 'Stop it, or wait for it by --wait.',
  },
  PIPELINE_NOT_RUNNING: {
    kind: 'operator',
    message: 'The pipeline {pipeline} does not run, and {what} needs it.',
    hint: 'Start it by `millrace run`.',
  },
  PIPELINE_SILENT: {
    kind: 'operator',
    message: 'The running pipeline {pipeline} did not answer within {seconds} s.',
    hint: 'See whether its process still works.',
  },
  NOTHING_TO_VERIFY: {
    kind: 'operator',
    message: 'The pipeline {pipeline} has no sink that can be verified.',
    hint: 'Add a sink that can be read back: duckdb.',
  },
  BUG: {
    kind: 'bug',
    message: 'Something went wrong in Millrace itself: {reason}.',
    hint: 'Run again with --verbose and report what it prints.',
  },
} as const satisfies Record<string, ErrorEntry>
