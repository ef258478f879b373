import type { ErrorEntry } from './error-entry.ts'

/** What transforms refuse. */
export const TRANSFORM_ERRORS = {
  TRANSFORM_TABLE_MISSING: {
    kind: 'config',
    message: 'The transform {transform} names the table {table}, and no table of that name arrives there.',
    hint: 'Mend the name in `tables` (a transform sees the names that those before it made), or write a pattern with * where the table may be missing.',
  },
  TRANSFORM_COLUMN_MISSING: {
    kind: 'config',
    message: 'The transform {transform} names the column {column}, which {table} does not have.',
    hint: 'Mend the name, or choose other tables by `tables`; where the column was renamed in the database, name it so here too.',
  },
  TRANSFORM_COLUMN_TYPE: {
    kind: 'config',
    message: 'The transform {transform} cannot do that with {table}.{column}, which is {type}: {reason}.',
    hint: 'See docs/guides/transforms.md for what each type takes, or write a script.',
  },
  TRANSFORM_MASK_KEY: {
    kind: 'config',
    message: 'The transform {transform} would give the key column {table}.{column} one value for many rows ({how}).',
    hint: 'Mask a column of the key by `how: hash`, which keeps different keys different.',
  },
  TRANSFORM_KEY_LOST: {
    kind: 'config',
    message: 'The transforms leave {table} without the key column {column}, and the sink {sink} needs its key.',
    hint: 'Keep the column; to hide its values, use a mask with `how: hash` instead.',
  },
  TRANSFORM_NO_COLUMNS: {
    kind: 'config',
    message: 'The transform {transform} leaves {table} no column.',
    hint: 'To leave a table out, write it with ! in front into `source.tables`: then it is not even read.',
  },
  TRANSFORM_NAME_TAKEN: {
    kind: 'config',
    message: 'The transforms make {name} of {first} and of {second}: one name for two tables.',
    hint: 'Give each its own name (`to` may hold ${schema} and ${table}); rows of two tables under one name could not be told apart.',
  },
  TRANSFORM_COLUMN_TAKEN: {
    kind: 'config',
    message: 'The transform {transform} makes two columns {column} in {table}.',
    hint: 'Give each column its own name.',
  },
  TRANSFORM_SCRIPT_UNLOADABLE: {
    kind: 'config',
    message: 'The script {module} cannot be loaded: {reason}.',
    hint: 'It must be a module (.ts, .mts, .js or .mjs) that runs by itself (`node {module}`) and says `export default (change) => change`.',
  },
  TRANSFORM_SCRIPT_THREW: {
    kind: 'data',
    message: 'The script {module} threw {name} at {place}, for a change ({op}) of {table} at {position}.',
    hint: 'Mend the script, or let it pass what it does not understand; what it threw may hold values and is not shown. Try it: `millrace tail -c FILE {table}`.',
  },
  TRANSFORM_SCRIPT_RESULT: {
    kind: 'data',
    message: 'The script {module} returned what cannot be a change of {table} at {position}: {reason}.',
    hint: 'Return the change, null, or a list of changes of the same table, with every column and values as docs/specs/values.md has them.',
  },
  TRANSFORM_TOO_MANY: {
    kind: 'data',
    message: 'A script made {count} changes of one; {most} is the most.',
    hint: 'Return fewer: make one change hold more, or split by several tables in the database.',
  },
  TRANSFORM_ORDINALS: {
    kind: 'operator',
    message:
      'A script was added or taken away while the sink {sink} stands inside a transaction, whose changes are counted otherwise with one.',
    hint: 'Run once more with the transforms as they were, to the end of that transaction (`--until caught-up`); then change them.',
  },
  ARCHIVE_TRANSFORMS: {
    kind: 'config',
    message: 'Archives hold tables as they are, and this configuration has transforms.',
    hint: 'Take the snapshot with a configuration without `transforms`; what is archived instead of a table is written under `snapshot.queries`.',
  },
} as const satisfies Record<string, ErrorEntry>
