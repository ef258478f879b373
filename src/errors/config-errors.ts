import type { ErrorEntry } from './error-entry.ts'

/** Runtime, configuration and command line. */
export const CONFIG_ERRORS = {
  NODE_TOO_OLD: {
    kind: 'config',
    message: 'Millrace needs Node 22.18 or newer; this is {version}.',
    hint: 'Install a newer Node, or run it by `npx node@24`.',
  },
  CONFIG_NOT_FOUND: {
    kind: 'config',
    message: 'There is no configuration file at {path}{meant}',
    hint: 'Name one by `-c FILE`, write one by `millrace init`, or give a source URL and sinks: `millrace run postgres://… duckdb:./shop.duckdb`.',
  },
  CONFIG_SYNTAX: {
    kind: 'config',
    message: 'The configuration {path} cannot be read: {reason}.',
    hint: 'Mend the YAML or JSON at the place named.',
  },
  CONFIG_INVALID: {
    kind: 'config',
    message: 'The configuration is not valid:\n{findings}',
    hint: 'Mend each path named above; docs/reference/config.md tells every option, `millrace config schema` prints them.',
  },
  CONFIG_SECRET_MISSING: {
    kind: 'config',
    message: 'A secret of the configuration is not there: {reference}.',
    hint: 'Set it before you start Millrace: {command}.',
  },
  CLI_USAGE: { kind: 'config', message: '{reason}', hint: 'See `millrace {command} --help`.' },
  INIT_EXISTS: {
    kind: 'config',
    message: 'The file {path} is there already.',
    hint: 'Name another by --output FILE, or write over it by --force.',
  },
  INIT_UNWRITABLE: {
    kind: 'config',
    message: '{path} cannot be written: {reason}.',
    hint: 'Give this user the right to write there, or name another file by --output FILE.',
  },
  INIT_NO_TABLES: {
    kind: 'config',
    message: 'The database {database} has no tables that this role can see.',
    hint: 'Check the name of the database at the end of the URL.',
  },
  POSITION_INVALID: {
    kind: 'config',
    message: '{position} is not a position.',
    hint: "Give one of ours (16 hexadecimal digits) or Postgres' X/Y.",
  },
  SINK_URL_INVALID: {
    kind: 'config',
    message: '{url} does not name a sink.',
    hint: 'Write TYPE:REST, for example duckdb:./shop.duckdb, parquet:./lake, file:./changes or stdout:.',
  },
  TEMPLATE_INVALID: {
    kind: 'config',
    message: 'The template {template} {reason}.',
    hint: 'Write one of the names allowed; `$$` before a brace makes it text. See docs/specs/formats.md.',
  },
  TEMPLATE_COLUMN: {
    kind: 'config',
    message: 'The template {template} asks for {name}, and {table} has no column {column}.',
    hint: 'Name a column that every table has, or give a default for the others: write `:-` and the default before the closing brace.',
  },
  TEMPLATE_VALUE: {
    kind: 'data',
    message: 'The template {template} asks for {name}, which a change of {table} does not hold.',
    hint: 'Write `row.{column}`, which deletes have too; set `ALTER TABLE {table} REPLICA IDENTITY FULL`; or give a default by `:-` before the closing brace.',
  },
  FORMAT_VALUE: {
    kind: 'data',
    message: 'A value of {table}.{column} has no form in these messages: {what}.',
    hint: '{remedy}; see docs/specs/debezium.md.',
  },
  FORMAT_KEY: {
    kind: 'data',
    message: 'A delete or a changed key of {table} does not hold {column}, which is part of the key of its messages.',
    hint: 'Set `ALTER TABLE {table} REPLICA IDENTITY FULL`, or choose columns of its replica identity as key.',
  },
  SINK_MODULE_MISSING: {
    kind: 'config',
    message: 'The {kind} {type} of the configuration is neither of ours nor a module to be found from {folder}.',
    hint: 'A module is a path (`./my-{kind}.ts`) or an installed package: {remedy}.',
  },
  SINK_MODULE_FAILED: {
    kind: 'config',
    message: 'The module of the {kind} {type} cannot be loaded: {reason}.',
    hint: 'Correct the module; TypeScript is read where it only needs its types taken away, and never below node_modules. `node FILE` shows the same.',
  },
  SINK_MODULE_SHAPE: {
    kind: 'config',
    message: 'The module {type} does not define a {kind}: {reason}.',
    hint: 'Export `definition` as docs/guides/write-a-{kind}.md shows it.',
  },
} as const satisfies Record<string, ErrorEntry>
