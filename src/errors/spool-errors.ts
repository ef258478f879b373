import type { ErrorEntry } from './error-entry.ts'

/** Sinks that are set aside, and what is kept on disk for them. */
export const SPOOL_ERRORS = {
  SPOOL_IO: {
    kind: 'transient',
    message: 'What the sink {sink} cannot take now cannot be kept in {path}: {reason}.',
    hint: 'Make space, or see to the rights there: it is tried again from the last checkpoint.',
  },
  SPOOL_CORRUPT: {
    kind: 'operator',
    message: 'What was kept for the sink {sink} in {path} is damaged.',
    hint: 'Restore the file, or run `millrace run --repair`, which reads every table again.',
  },
  SPOOL_CHUNK: {
    kind: 'operator',
    message: 'What the sink {sink} has to be given as one, a table without a key or a transaction, is larger than `spool.maxSize`.',
    hint: 'Raise `spool.maxSize`, or mend the sink and run again.',
  },
  SINK_ASIDE: {
    kind: 'transient',
    message: 'The sink {sink} is set aside and not open just now.',
    hint: 'See `millrace status` for the reason, and ask again when it is back.',
  },
  SINK_HANGS: {
    kind: 'transient',
    message: 'The sink {sink} took nothing for {seconds} s while the others waited for it.',
    hint: 'Nothing is needed where it passes: its changes are kept on disk meanwhile. If it stays, see to the sink, or raise `spool.patience`.',
  },
  SINK_ROOM_AGAIN: {
    kind: 'transient',
    message: 'There is room again for what the sink {sink} lacks; it is read again from the log.',
    hint: 'Nothing is to be done.',
  },
} as const satisfies Record<string, ErrorEntry>
