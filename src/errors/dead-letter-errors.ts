import type { ErrorEntry } from './error-entry.ts'

/** Changes that a sink cannot take, set aside. */
export const DEAD_LETTER_ERRORS = {
  DEAD_LETTER_MADE: {
    kind: 'transient',
    message: 'The sink {sink} refused a change ({code}), which was set aside; the sink is opened again.',
    hint: 'See `millrace dlq list`.',
  },
  DEAD_LETTER_SOUGHT: {
    kind: 'transient',
    message: 'The sink {sink} refused something ({code}); it is opened again and asked in smaller pieces, to find what it was.',
    hint: 'Nothing is to be done: what it was is set aside, see `millrace dlq list`.',
  },
  DEAD_LETTER_WAITS: {
    kind: 'data',
    message: 'An earlier change of the same key was set aside.',
    hint: 'Run `millrace dlq retry ID` for the earlier one: the changes of its key are given again with it, in order.',
  },
  DEAD_LETTER_BUSY: {
    kind: 'transient',
    message: 'The sink {sink} is in the middle of a copy, and takes no dead letters just now.',
    hint: 'Run `millrace dlq retry` again in a while.',
  },
  DEAD_LETTER_LATE: {
    kind: 'operator',
    message: 'The sink {sink} keeps its changes in the order of the log, and takes none of them later.',
    hint: 'Mend the row in the database: its next change is written. Then run `millrace dlq drop` for the letter.',
  },
  DEAD_LETTER_REPAIR: {
    kind: 'operator',
    message: 'The table {table} has no dead letter with a key that could be read again.',
    hint: 'Run `millrace verify`, and `millrace run --repair` where it differs; then `millrace dlq drop`.',
  },
  DEAD_LETTERS_FULL: {
    kind: 'operator',
    message:
      'The sink {sink} refuses too much to set it aside ({count} changes lie there, or too many came within a minute). The last: {reason}',
    hint: 'Mend what {code} asks for, then start `millrace run` again and beside it `millrace dlq retry --all`; or raise `onError.maxDeadLetters` or `onError.maxDeadLettersAMinute`.',
  },
  DEAD_LETTER_NONE: {
    kind: 'operator',
    message: 'There is no dead letter {which}.',
    hint: 'See `millrace dlq list`.',
  },
} as const satisfies Record<string, ErrorEntry>
