import { Command, InvalidArgumentError, Option } from 'commander'

type Finish = (code: number) => void

/** The command line: names, options and words only. Each command's file is loaded when it is run. */
export function createProgram(finish: Finish): Command {
  const program = new Command('millrace')
    .description('Moves data out of Postgres as it changes: a snapshot of what is there, then every change in commit order.')
    .option('-V, --version', 'print the version')
    .exitOverride()
    .configureOutput({ writeErr: () => {}, outputError: () => {} })
    .showSuggestionAfterError(true)
    .helpCommand(false)
  addInit(program, finish)
  addRun(program, finish)
  addSnapshot(program, finish)
  addTail(program, finish)
  addVerify(program, finish)
  addStatus(program, finish)
  addCheck(program, finish)
  addConfig(program, finish)
  addDrop(program, finish)
  addDlq(program, finish)
  addSchema(program, finish)
  program
    .command('version')
    .description('Print the version.')
    .action(async () => finish(await (await import('./version.ts')).version()))
  return program
}

function addInit(program: Command, finish: Finish): void {
  program
    .command('init')
    .description('Look at a database and write a configuration for it. Asks a little on a terminal; changes nothing in the database.')
    .argument('[url]', 'the database: postgres://…; left out: DATABASE_URL, or the PG* variables')
    .option('--output <file>', 'the file to write', 'millrace.yaml')
    .option('--sink <type>', 'where the data goes: duckdb, parquet, file or stdout')
    .option('--force', 'write over a file that is there')
    .option('--yes', 'ask nothing: every table that can be followed')
    .action(async (url, options) => finish(await (await import('./init.ts')).init({ ...options, url })))
}

function addRun(program: Command, finish: Finish): void {
  withLog(withConfig(program.command('run')))
    .description('Copy what is there and follow every change, until stopped.')
    .argument('[source]', 'the source as a URL, where there is no file: postgres://…')
    .argument('[sinks...]', 'sinks as TYPE:REST, e.g. duckdb:./shop.duckdb file:./changes stdout:')
    .addOption(
      new Option(
        '--mode <mode>',
        '`snapshot` ends once every table is copied and caught up; `stream` follows changes only; `both` is the default',
      ).choices(['both', 'snapshot', 'stream']),
    )
    .option('--until <when>', 'end with exit code 0 at `caught-up`, or at a position (ours, or X/Y of Postgres)')
    .option('--sink <name>', 'only this sink of the configuration; may be given more than once', collect, [])
    .option('--repair', 'after a gap: make slot and publication again and read every table again')
    .option('--wait', 'where the pipeline runs already: stand by and take over when it ends')
    .option('--json', 'print the summary at the end as one JSON object on standard output')
    .action(async (source, sinks, options) => {
      finish(await (await import('./run.ts')).run({ ...options, source, sinks }))
    })
}

function addSnapshot(program: Command, finish: Finish): void {
  const command = withLog(withConfig(program.command('snapshot')))
    .description('Archive tables at one point in time, with a catalog of what was archived, and end. Makes nothing in the database.')
    .argument('[source]', 'the source as a URL, where there is no file: postgres://…')
    .argument('[sinks...]', 'where to, as TYPE:REST, e.g. parquet:./lake or parquet:s3://bucket/prefix')
    .option('--sink <name>', 'the sink of the configuration that takes the archives, where there are several', collect, [])
    .option('--json', 'print one JSON object')
    .action(async (source, sinks, options) => {
      finish(await (await import('./snapshot.ts')).snapshot({ ...options, source, sinks }))
    })
  withLog(withConfig(command.command('verify')))
    .description('Read archives again, every part to its last byte, and compare them with their catalogs.')
    .argument('[path]', 'a folder or s3://bucket/prefix that holds archives, at any depth; left out: that of the sink of -c')
    .option('--sink <name>', 'the sink of the configuration', collect, [])
    .option('--json', 'print one JSON object')
    .action(async (path, _, sub: Command) =>
      finish(await (await import('./snapshot-verify.ts')).verifySnapshot(path, sub.optsWithGlobals())),
    )
}

function addTail(program: Command, finish: Finish): void {
  withLog(withConfig(program.command('tail')))
    .description('Look at the changes of a live database as they happen. Nothing that is made for it stays there.')
    .usage('[options] [URL] [TABLE...]')
    .argument('[url]', 'the database: postgres://…; left out: that of -c, or of the millrace.yaml here')
    .argument('[tables...]', 'tables as schema.table or table; * and ? allowed, ! in front leaves out; default: all')
    .option('--snapshot', 'the rows that are there too, as `read`, exact beside the changes that commit meanwhile')
    .option('--op <list>', 'only these: read, insert, update, delete, truncate, message; may be given more than once', collect, [])
    .option('--limit <n>', 'end after this many lines', positiveInteger)
    .option('--until <when>', 'end at `caught-up` (the end of the log as it is at the start), or at a position (ours, or X/Y of Postgres)')
    .option('--format <name>', '`pretty` (the default on a terminal), `native` (else), or any format of `docs/reference/config.md`')
    .option('--json', 'the same as `--format native`')
    .option(
      '--transform <what>',
      'show what this transform makes of the changes: `{ type: mask, … }` itself, or a file of transforms; may be given more than once. With -c, those of the file come before',
      collect,
      [],
    )
    .option('--wide', 'do not cut lines to the width of the terminal')
    .option('--publication <name>', 'look through this publication; left out: one that covers the tables, or one made for the look')
    .action(async (url, tables, options) => {
      const named = options.config === undefined ? { source: url, tables } : { tables: url === undefined ? tables : [url, ...tables] }
      finish(await (await import('./tail.ts')).tail({ ...options, ...named }))
    })
}

function addVerify(program: Command, finish: Finish): void {
  withLog(withConfig(program.command('verify')))
    .description('Compare source and sinks row by row, by hashes; name the keys that differ.')
    .argument('[source]', 'the source as a URL, where there is no file')
    .argument('[sinks...]', 'sinks as TYPE:REST')
    .option('--table <name>', 'only this table (schema.table, * and ? allowed); may be given more than once', collect, [])
    .option('--sink <name>', 'only this sink; may be given more than once', collect, [])
    .option('--json', 'print one JSON object')
    .action(async (source, sinks, options) => finish(await (await import('./verify.ts')).verify({ ...options, source, sinks })))
}

function addStatus(program: Command, finish: Finish): void {
  withLog(withConfig(program.command('status')))
    .description('Print tables, positions, lag and the health of the slot.')
    .argument('[source]', 'the source as a URL, where there is no file')
    .argument('[sinks...]', 'sinks as TYPE:REST')
    .option('--json', 'print one JSON object')
    .action(async (source, sinks, options) => finish(await (await import('./status.ts')).status({ ...options, source, sinks })))
}

function addCheck(program: Command, finish: Finish): void {
  withLog(withConfig(program.command('check')))
    .description('Connect and check server, rights, tables, identities, slots and sinks; each finding with its remedy.')
    .argument('[source]', 'the source as a URL, where there is no file')
    .argument('[sinks...]', 'sinks as TYPE:REST')
    .option('--json', 'print one JSON object')
    .action(async (source, sinks, options) => finish(await (await import('./check.ts')).check({ ...options, source, sinks })))
}

function addConfig(program: Command, finish: Finish): void {
  withLog(withConfig(program.command('config')))
    .description('Print the JSON Schema of configurations, print the effective configuration with secrets hidden, or check it offline.')
    .addArgument(program.createArgument('<schema|print|validate>', 'what to do').choices(['schema', 'print', 'validate']))
    .option('--json', 'print JSON rather than YAML')
    .action(async (what, options) => finish(await (await import('./config.ts')).config(what, options)))
}

function addDrop(program: Command, finish: Finish): void {
  withLog(withConfig(program.command('drop')))
    .description('Remove slot, publication and state that the pipeline made. Data in sinks stays.')
    .argument('[source]', 'the source as a URL, where there is no file')
    .argument('[sinks...]', 'sinks as TYPE:REST')
    .option('--yes', 'do not ask')
    .action(async (source, sinks, options) => finish(await (await import('./drop.ts')).drop({ ...options, source, sinks })))
}

function addDlq(program: Command, finish: Finish): void {
  const dlq = program
    .command('dlq')
    .description('Dead letters: changes that a sink could not take and that were set aside. Look at them, give them again, forget them.')
  const add = (name: string, description: string) =>
    withLog(withConfig(dlq.command(name)))
      .description(description)
      .option('--table <name>', 'of this table (schema.table)')
      .option('--key <json>', 'of this key, as in the native format: \'{"id":42}\'')
      .option('--code <code>', 'refused with this error')
      .option('--sink <name>', 'of this sink')
      .option('--json', 'print one JSON object')
  add('list', 'Print what lies aside, in the order of the log, without values.').action(async (options) =>
    finish(await (await import('./dlq.ts')).listLetters(options)),
  )
  withLog(withConfig(dlq.command('show')))
    .description('Print one in full, values too.')
    .argument('<id>', 'its number in the list', positiveInteger)
    .option('--json', 'print one JSON object')
    .action(async (id, options) => finish(await (await import('./dlq.ts')).showLetter(id, options)))
  add(
    'retry',
    'Give them to the sink again, those of a key together and in order; a table gets the rows as they are now. The pipeline must run.',
  )
    .argument('[ids...]', 'their numbers in the list', collectInteger, [])
    .option('--all', 'all of them')
    .action(async (ids, options) => finish(await (await import('./dlq.ts')).retryDeadLetters(ids, options)))
  add('drop', 'Forget them for good.')
    .argument('[ids...]', 'their numbers in the list', collectInteger, [])
    .option('--all', 'all of them')
    .option('--yes', 'do not ask')
    .action(async (ids, options) => finish(await (await import('./dlq.ts')).dropDeadLetters(ids, options)))
}

function addSchema(program: Command, finish: Finish): void {
  const command = program.command('schema').description('What tables look like in the files and messages that hold them.')
  withLog(withConfig(command.command('generate')))
    .description('Print the Parquet, Avro or JSON schema of tables: of a database, or of CREATE TABLE text, which Postgres itself reads.')
    .option('--query <sql>', 'CREATE TABLE text, with what it needs before it (CREATE TYPE …); `@FILE` reads a file, `-` standard input')
    .option('--url <url>', 'the database: postgres://…; for --query nothing stays there, and without it a Postgres is started for it')
    .option('--table <name>', 'only this table (schema.table, * and ? allowed in a database); may be given more than once', collect, [])
    .addOption(new Option('--format <format>', 'of what').choices(['parquet', 'avro', 'json']).default('parquet'))
    .option('--json', 'Parquet too as JSON: the elements of its footer; others on one line')
    .action(async (options) => finish(await (await import('./schema.ts')).generateSchema(options)))
}

function withConfig(command: Command): Command {
  return command.option('-c, --config <file>', 'the configuration, YAML or JSON')
}

function withLog(command: Command): Command {
  return command
    .addOption(new Option('--log <form>', 'logs and errors as JSON lines or as text').choices(['json', 'pretty']))
    .option('--quiet', 'warnings and errors only, no progress')
    .option('--verbose', 'everything, with stacks of errors')
}

function positiveInteger(text: string): number {
  if (!/^[1-9]\d{0,14}$/.test(text)) throw new InvalidArgumentError('It must be a whole number, 1 or more.')
  return Number(text)
}

function collectInteger(value: string, before: readonly number[]): readonly number[] {
  return [...before, positiveInteger(value)]
}

function collect(value: string, before: readonly string[]): readonly string[] {
  if (value === '') throw new InvalidArgumentError('It must not be empty.')
  return [...before, value]
}
