/**
 * Every error a user can meet. `kind` decides what happens next:
 * transient: retried · operator: stops, a person must act · config: refuses to start · data: this row · bug: ours.
 * `message` and `hint` may hold `{fields}`; a field is never a cell value nor a credential.
 */
export type ErrorKind = 'transient' | 'operator' | 'config' | 'data' | 'bug'

export type ErrorEntry = { kind: ErrorKind; message: string; hint: string }

export const ERRORS = {
  // runtime, configuration, command line
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
    hint: 'Write TYPE:REST, for example duckdb:./shop.duckdb, file:./changes or stdout:.',
  },

  // reaching Postgres
  SOURCE_UNREACHABLE: {
    kind: 'transient',
    message: 'The database at {host} cannot be reached: {reason}.',
    hint: 'Check host, port and network; see that the server runs.',
  },
  SOURCE_LOST: {
    kind: 'transient',
    message: 'The connection to the database was lost: {reason}.',
    hint: 'Nothing is needed: it is tried again from the last checkpoint.',
  },
  SOURCE_AUTH: {
    kind: 'operator',
    message: 'The database refused the login of {user}: {reason}.',
    hint: 'Check user, password and pg_hba.conf.',
  },
  SOURCE_DATABASE_MISSING: {
    kind: 'operator',
    message: 'There is no database {database} on the server.',
    hint: 'Correct the name at the end of the source URL.',
  },
  SOURCE_TLS: {
    kind: 'operator',
    message: 'TLS with the database failed: {reason}.',
    hint: 'Check sslmode, sslrootcert, sslcert and sslkey in the source URL.',
  },
  SOURCE_TLS_MISSING: {
    kind: 'operator',
    message: 'The database at {host} offers no TLS, and sslmode asks for it.',
    hint: 'Turn TLS on at the server (ssl = on); where the network itself is trusted, write sslmode=prefer.',
  },
  SOURCE_TLS_UNTRUSTED: {
    kind: 'operator',
    message: 'The certificate of the database at {host} is signed by nobody who is trusted here: {reason}.',
    hint: "Name the authority's certificate by sslrootcert=FILE in the source URL; managed servers offer theirs for download.",
  },
  SOURCE_TLS_NAME: {
    kind: 'operator',
    message: 'The certificate of the database at {host} is for another name: {reason}.',
    hint: 'Connect by a name that the certificate has (hostaddr=… gives the address), or write sslmode=verify-ca with sslrootcert=FILE.',
  },
  SOURCE_TLS_EXPIRED: {
    kind: 'operator',
    message: 'The certificate of the database at {host} is not valid at this time: {reason}.',
    hint: "Renew the server's certificate; see that the clock of this machine is right.",
  },
  SOURCE_POOLER: {
    kind: 'operator',
    message: '{pooler} stands before the database: {reason}.',
    hint: 'Connect to {instead}: changes cannot be followed through a pooler.',
  },
  SOURCE_URL_INVALID: {
    kind: 'config',
    message: 'The source URL cannot be read: {reason}.',
    hint: 'Write postgres://user:password@host:5432/database?sslmode=….',
  },
  SOURCE_TOO_OLD: {
    kind: 'operator',
    message: 'The server is Postgres {version}; Millrace needs 14 or newer.',
    hint: 'Upgrade the server.',
  },
  SOURCE_STANDBY: {
    kind: 'operator',
    message: 'The server is a standby, where running transactions cannot be seen.',
    hint: 'Connect to the primary, or use `snapshot.mode: none`.',
  },
  SOURCE_ENCODING: {
    kind: 'operator',
    message: 'The database is encoded in {encoding}, which cannot be turned into UTF-8 without loss.',
    hint: 'Use a database with a real encoding, such as UTF8.',
  },
  WAL_LEVEL: {
    kind: 'operator',
    message: 'wal_level is {level}; following changes needs logical.',
    hint: 'Run ALTER SYSTEM SET wal_level = logical and restart the server.',
  },
  RIGHT_REPLICATION: { kind: 'operator', message: 'The role {role} may not open replication connections.', hint: 'Run {grant}.' },
  RIGHT_PUBLICATION: {
    kind: 'operator',
    message: 'The role {role} may not make or alter the publication {publication}: {reason}.',
    hint: "Run {grant}, or let the tables' owner make the publication; an existing one is used as it is.",
  },
  RIGHT_TABLE: { kind: 'operator', message: 'The role {role} may not read {table}.', hint: 'Run {grant}.' },
  SLOTS_EXHAUSTED: {
    kind: 'operator',
    message: 'The server has no replication slot or sender left: {reason}.',
    hint: 'Drop slots that nobody uses, or raise max_replication_slots and max_wal_senders.',
  },
  SLOT_IN_USE: {
    kind: 'operator',
    message: 'The slot {slot} is being read by process {pid}.',
    hint: 'Stop the other reader, or give this pipeline another `name` or `slot`.',
  },
  SLOT_PLUGIN: {
    kind: 'operator',
    message: 'The slot {slot} belongs to the plugin {plugin}, not pgoutput.',
    hint: 'Choose another `slot`, or drop that one.',
  },
  SLOT_DATABASE: {
    kind: 'operator',
    message: 'The slot {slot} belongs to the database {database}.',
    hint: 'Choose another `slot` for this database.',
  },
  SLOT_FAILOVER: {
    kind: 'config',
    message: '`failover` of the slot needs Postgres 17 or newer; the server is {version}.',
    hint: 'Remove `source.failover`, or upgrade the server.',
  },
  TABLE_MISSING: {
    kind: 'operator',
    message: 'No table matches {pattern}.',
    hint: 'Correct `source.tables`; patterns are schema.table with * and ?.',
  },
  TABLE_KEYLESS: {
    kind: 'operator',
    message:
      'The table {table} has no primary key and no replica identity index, so publishing it would make UPDATE and DELETE on it fail.',
    hint: 'Run ALTER TABLE {table} ADD PRIMARY KEY (…), or ALTER TABLE {table} REPLICA IDENTITY FULL, leave it out of `source.tables`, or set `source.keyless: insert-only`.',
  },
  TABLE_KEYLESS_SINK: {
    kind: 'config',
    message: 'The table {table} has no key, and the sink {sink} needs one.',
    hint: 'Give the table a primary key, or leave it out of `source.tables`.',
  },
  TABLE_IDENTITY_NOTHING: {
    kind: 'operator',
    message: 'The table {table} has REPLICA IDENTITY NOTHING, so publishing it would make UPDATE and DELETE on it fail.',
    hint: 'Run ALTER TABLE {table} REPLICA IDENTITY DEFAULT (it has a primary key), or FULL.',
  },
  WHERE_BREAKS_UPDATES: {
    kind: 'operator',
    message: 'The row filter of {table} uses {columns}, outside its replica identity: UPDATE and DELETE on it would fail.',
    hint: 'Filter by key columns only, or run ALTER TABLE {table} REPLICA IDENTITY FULL.',
  },
  WHERE_UNSUPPORTED: {
    kind: 'config',
    message: '`where` needs Postgres 15 or newer; the server is {version}.',
    hint: 'Remove `source.where`, or upgrade the server.',
  },
  WHERE_INVALID: { kind: 'config', message: 'The row filter of {table} was refused: {reason}.', hint: 'Correct `source.where`.' },
  COLUMNS_BREAK_UPDATES: {
    kind: 'operator',
    message: 'The column list of {table} leaves out {columns} of its replica identity: UPDATE and DELETE on it would fail.',
    hint: 'Put these columns into `source.columns`; with REPLICA IDENTITY FULL no list is possible: run ALTER TABLE {table} REPLICA IDENTITY DEFAULT.',
  },
  COLUMNS_INVALID: {
    kind: 'config',
    message: 'The column list of {table} names {columns}, which it does not have.',
    hint: 'Correct `source.columns`.',
  },
  PUBLICATION_MISMATCH: {
    kind: 'operator',
    message: 'The publication {publication} is not ours and does not publish {tables}.',
    hint: 'Add the tables to it, or name another `publication`.',
  },
  PUBLICATION_OPERATIONS: {
    kind: 'operator',
    message: 'The publication {publication} is not ours and does not publish {operations}.',
    hint: "Run ALTER PUBLICATION {publication} SET (publish = 'insert, update, delete, truncate'), or name another `publication`.",
  },
  PUBLICATION_WHERE: {
    kind: 'config',
    message: 'The publication {publication} is not ours, so `source.where` cannot be put on its tables.',
    hint: 'Put the filter on that publication and remove `source.where`, or name another `publication`.',
  },
  TABLE_IDENTITY_GENERATED: {
    kind: 'operator',
    message: 'The replica identity of {table} holds the generated columns {columns}, which the log does not carry.',
    hint: 'Run ALTER TABLE {table} REPLICA IDENTITY DEFAULT, with a primary key of ordinary columns, or leave the table out of `source.tables`.',
  },
  PUBLICATION_LOST: {
    kind: 'operator',
    message: 'The publication {publication} is gone; changes made without it are not in the log.',
    hint: 'Run `millrace run --repair`: it makes publication and slot again and reads every table again.',
  },
  SOURCE_QUERY: {
    kind: 'operator',
    message: 'The database refused a statement ({sqlstate}): {reason}.',
    hint: "See the server's log; SQLSTATE {sqlstate} is explained in Appendix A of the Postgres manual.",
  },
  SOURCE_DECODING: {
    kind: 'operator',
    message: 'The server cannot decode its log from {position} on: {reason}.',
    hint: 'Run again once; if it says so again, run `millrace run --repair`: it makes a new slot and reads every table again.',
  },

  // tail
  TAIL_TABLE_MISSING: {
    kind: 'operator',
    message: 'No table matches {pattern}{nearest}.',
    hint: 'Name tables as schema.table; * and ? are allowed, ! in front leaves out. Only ordinary and partitioned tables have changes in the log.',
  },
  TAIL_PUBLICATION: {
    kind: 'operator',
    message: 'A look needs a publication of these tables; none covers them, and {reason}.',
    hint: 'Run {remedy}, or name a publication by --publication{existing}.',
  },
  TAIL_PUBLICATION_MISSING: {
    kind: 'operator',
    message: 'There is no publication {publication}{nearest}.',
    hint: 'Name one that is there, or leave --publication out.',
  },
  TAIL_PUBLICATION_TABLES: {
    kind: 'operator',
    message: 'The publication {publication} does not publish {tables}.',
    hint: 'Name another by --publication, or leave it out: one is then made for the look.',
  },
  TAIL_STANDBY: {
    kind: 'operator',
    message: 'The server is a standby, where {reason}.',
    hint: 'Connect to the primary, or run without --snapshot on a standby of Postgres 16 or newer.',
  },
  TAIL_LOST: {
    kind: 'operator',
    message: 'The connection was lost, and the temporary slot with it: {reason}. What changed since is not shown.',
    hint: 'Run it again; `millrace run` is what follows without gaps, across restarts.',
  },

  // gaps
  GAP_SLOT_LOST: {
    kind: 'operator',
    message: 'The server removed log that the slot {slot} still needed (wal_status = lost): changes after {position} are missing.',
    hint: 'Run `millrace run --repair`: it makes a new slot and reads every table again.',
  },
  GAP_SLOT_MISSING: {
    kind: 'operator',
    message: 'The slot {slot} is gone: changes after {position} are missing.',
    hint: 'Run `millrace run --repair`: it makes a new slot and reads every table again.',
  },
  GAP_SLOT_AHEAD: {
    kind: 'operator',
    message:
      'The slot {slot} stands at {confirmed}, past the checkpoint {position} of {sink}: it was moved or made again, and changes between are missing.',
    hint: 'Run `millrace run --repair`: it makes a new slot and reads every table again.',
  },
  GAP_SINK_BEHIND: {
    kind: 'operator',
    message: 'The sink {sink} stands at {position}, before the {acknowledged} it had reported: it was restored or replaced.',
    hint: 'Run `millrace run --repair`: it reads every table again.',
  },
  GAP_OTHER_SYSTEM: {
    kind: 'operator',
    message: 'This is another database server (system identifier {found}, before {expected}).',
    hint: 'Point the source at the right server, or run `millrace run --repair` to start anew from this one.',
  },
  GAP_LOG_BEHIND: {
    kind: 'operator',
    message: "The server's log ends at {head}, before our checkpoint {position}: it was restored or failed over to a server that had less.",
    hint: 'Run `millrace run --repair`: it makes a new slot and reads every table again.',
  },
  GAP_OLD_TIMELINE: {
    kind: 'operator',
    message:
      'The server is on timeline {found}, older than {expected}, which was followed before: it is the server from before a failover.',
    hint: 'Point the source at the present primary, or run `millrace run --repair` to start anew from this one.',
  },
  GAP_TIMELINE: {
    kind: 'operator',
    message:
      'The server failed over at {end}, before the position {position} of {sink}: what that sink holds from between is not in this server, and other changes may be.',
    hint: 'Run `millrace run --repair`: it makes a new slot and reads every table again.',
  },

  // reading
  CODEC_MALFORMED: {
    kind: 'bug',
    message: 'A message of the database cannot be decoded at byte {offset}, column {column}: {reason}.',
    hint: "Report it with the type of the column and the server's version.",
  },
  STREAM_PROTOCOL: { kind: 'bug', message: 'The log said something unexpected: {reason}.', hint: "Report it with the server's version." },

  // sinks
  SINK_PATH_IS_FOLDER: {
    kind: 'operator',
    message: 'The sink {sink} should write the file {path}, which is a folder.',
    hint: 'Name a file.',
  },
  SINK_PATH_IS_FILE: {
    kind: 'operator',
    message: 'The sink {sink} should write into the folder {path}, which is a file.',
    hint: 'Name a folder.',
  },
  SINK_PATH_MISSING: {
    kind: 'operator',
    message: 'The folder of {path}, for the sink {sink}, does not exist.',
    hint: 'Make it, or correct the path.',
  },
  SINK_NOT_WRITABLE: {
    kind: 'operator',
    message: 'The sink {sink} may not write {path}: {reason}.',
    hint: 'Give this user the right to write there, or choose another path.',
  },
  SINK_DISK_FULL: {
    kind: 'transient',
    message: 'There is no space left for the sink {sink} at {path}.',
    hint: 'Make space: writing goes on by itself from the last checkpoint.',
  },
  SINK_IO: {
    kind: 'transient',
    message: 'The sink {sink} cannot write {path}: {reason}.',
    hint: 'See to the disk; it is tried again from the last checkpoint.',
  },
  SINK_MEMORY: {
    kind: 'operator',
    message: 'The memory limit of the sink {sink} is too low for {path}: {reason}.',
    hint: 'Raise `memoryLimit` of the sink, or lower `batch.maxSize`.',
  },
  SINK_READER_GONE: {
    kind: 'operator',
    message: 'The reader of the sink {sink} went away.',
    hint: 'Nothing is needed: what it did not take is written again at the next start.',
  },
  SINK_FILE_SHORT: {
    kind: 'operator',
    message: 'The file {path} of the sink {sink} is shorter ({found} bytes) than what was durable ({expected}).',
    hint: 'Restore the file, or run `millrace drop` and start anew.',
  },
  SINK_LOCKED: {
    kind: 'operator',
    message: 'The file {path} of the sink {sink} is held by another process{holder}.',
    hint: 'Stop the other process, or let this one close the file between flushes (`closeBetweenFlushes: true`).',
  },
  SINK_CORRUPT: {
    kind: 'operator',
    message: 'The file {path} of the sink {sink} cannot be opened: {reason}.',
    hint: 'Restore it, or move it away and run `millrace run --repair`.',
  },
  SINK_TABLE_CLASH: {
    kind: 'operator',
    message: 'The sink {sink} holds {table} with a shape that Millrace did not make.',
    hint: 'Choose another file, or drop that table.',
  },
  SINK_VALUE: {
    kind: 'data',
    message: 'The sink {sink} cannot hold a value of {table}.{column} ({type}).',
    hint: 'Set `onValue` of the sink to text, null or clamp, or leave the column out.',
  },
  SINK_NAME_CLASH: {
    kind: 'operator',
    message: 'The sink {sink} cannot tell the columns {columns} of {table} apart: they differ only by case.',
    hint: 'Leave one out by `source.columns`.',
  },
  SINK_PARTIAL_ROW: {
    kind: 'bug',
    message: 'The sink {sink} was sent a partial row of {table} that it does not hold.',
    hint: 'Report it; `millrace run --repair` reads every table again.',
  },
  SINK_CLIENT_MISSING: {
    kind: 'config',
    message: 'The sink {sink} needs the package {package}.',
    hint: 'Run npm install {package}@{version}.',
  },
  SINK_SECOND_WRITER: {
    kind: 'operator',
    message: 'The sink {sink} found that somebody else has written {path} in its place.',
    hint: 'Stop the other process, or give one of them another `path`; then run again: it goes on after what lies there.',
  },
  SINK_OTHER_PIPELINE: {
    kind: 'operator',
    message: 'The folder {path} of the sink {sink} holds files of the pipeline {found}.',
    hint: 'Choose another `path`, or move that folder away.',
  },
  SINK_OTHER_LOG: {
    kind: 'operator',
    message: 'The sink {sink} holds changes of {path} up to {held}, and is given one at {position}: they are of different logs.',
    hint: 'Choose another `path`, or move that folder away, and run `millrace run --repair`.',
  },
  SINK_RESERVED_COLUMN: {
    kind: 'config',
    message: 'The sink {sink} keeps its own column {column} in every file of changes, and {table} has one of that name.',
    hint: 'Leave it out by `source.columns`, or rename it.',
  },
  SINK_BUCKET_MISSING: {
    kind: 'operator',
    message: 'The sink {sink} should write {path}, and there is no such bucket.',
    hint: 'Make the bucket (`aws s3 mb s3://BUCKET`), or correct `path`, `endpoint` and `pathStyle`.',
  },
  SINK_REGION: {
    kind: 'operator',
    message: 'The bucket of {path}, for the sink {sink}, is not in the region {region}: {reason}.',
    hint: "Set `region` of the sink to the bucket's own; `aws s3api get-bucket-location --bucket BUCKET` prints it.",
  },
  SINK_CREDENTIALS: {
    kind: 'operator',
    message: 'The credentials of the sink {sink} for {path} are missing or refused: {reason}.',
    hint: 'Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (or `accessKeyId` and `secretAccessKey` of the sink), or a profile or role of the AWS SDK.',
  },
  SINK_FORBIDDEN: {
    kind: 'operator',
    message: 'The sink {sink} may not {action} {path}: {reason}.',
    hint: 'Allow s3:ListBucket and s3:ListBucketMultipartUploads on the bucket, and s3:PutObject, s3:GetObject, s3:DeleteObject and s3:AbortMultipartUpload on the prefix.',
  },
  SINK_CLOCK: {
    kind: 'transient',
    message: "The store of {path} refuses the sink {sink}: this machine's clock is too far from its own.",
    hint: 'Set the clock (`timedatectl set-ntp true`): it is tried again from the last checkpoint.',
  },
  SINK_UNAVAILABLE: {
    kind: 'transient',
    message: 'The store of {path} does not answer the sink {sink} as it should: {reason}.',
    hint: 'Nothing is needed where it passes: it is tried again from the last checkpoint. If it stays, see to the network, `endpoint` and the store.',
  },
  SINK_STORE_REFUSED: {
    kind: 'operator',
    message: 'The store refused to {action} {path} for the sink {sink}: {reason}.',
    hint: 'See that it supports conditional writes (If-None-Match) and multipart uploads, as S3 does.',
  },
  SINK_UNREADABLE: { kind: 'config', message: 'The sink {sink} ({type}) cannot be read back.', hint: 'Verify a sink that can: duckdb.' },

  // archives
  ARCHIVE_QUERY: {
    kind: 'operator',
    message: 'The query in place of {table} cannot be read: {reason}.',
    hint: 'Correct it in `snapshot.queries`: one SELECT, whose columns have names of their own.',
  },
  ARCHIVE_TABLE_GONE: {
    kind: 'operator',
    message: 'The table {table} went away while its snapshot was taken.',
    hint: 'Run `millrace snapshot` again, without it if it is to be gone.',
  },
  ARCHIVE_TABLE_LOCKED: {
    kind: 'operator',
    message: 'The table {table} is locked by {holders}, and was not let go within 10 s.',
    hint: 'See what that session does (`SELECT * FROM pg_stat_activity`), and run `millrace snapshot` again when it has ended.',
  },
  ARCHIVE_TABLES_RESTLESS: {
    kind: 'operator',
    message: 'Tables were made, dropped or rewritten at each of {attempts} attempts to take a snapshot of them.',
    hint: 'Choose fewer tables by `source.tables`, or run `millrace snapshot` when the schema rests.',
  },
  ARCHIVE_COUNTS_DIFFER: {
    kind: 'operator',
    message: 'Of {table} {processed} rows were archived, and the source counts {counted} in the same snapshot.',
    hint: 'A query without an order that decides (LIMIT, random) does that; for a table, report it.',
  },
  ARCHIVE_MODE: {
    kind: 'config',
    message: 'snapshot.mode `consistent` is no mode of a run: its copy could not be gone on with after a break.',
    hint: 'Run `millrace snapshot` for all rows at one point in time, or set snapshot.mode to incremental.',
  },
  ARCHIVE_NOT_FOUND: {
    kind: 'operator',
    message: 'There is no archive under {path}.',
    hint: 'Name a folder (or s3://bucket/prefix) that `millrace snapshot` wrote to.',
  },
  SCHEMA_STATEMENTS: {
    kind: 'config',
    message: 'Postgres refuses the statements ({sqlstate}): {reason}.',
    hint: 'Give CREATE statements as Postgres takes them; an extension must be there (`--url` names a server that has it).',
  },
  SCHEMA_NO_TABLE: {
    kind: 'config',
    message: 'The statements make no table.',
    hint: 'Give at least one CREATE TABLE.',
  },
  SCHEMA_SERVER_MISSING: {
    kind: 'config',
    message: 'To read CREATE TABLE text a Postgres is needed, and none was given: {reason}.',
    hint: 'Give `--url postgres://…` (nothing stays there), or run `npm install {package}` for one that is started for it.',
  },

  // Parquet
  PARQUET_VALUE: {
    kind: 'data',
    message: 'The column {column} holds {what}, which Parquet ({type}) cannot hold.',
    hint: 'Set `onValue` of the sink to text, null or clamp, or leave the column out.',
  },
  PARQUET_MALFORMED: {
    kind: 'operator',
    message: 'The Parquet file {path} cannot be read: {reason}.',
    hint: 'It is cut or damaged: restore it, or write it again.',
  },
  PARQUET_THREAD: {
    kind: 'transient',
    message: 'A thread that encodes Parquet ended: {reason}.',
    hint: 'Nothing is needed: it is tried again from the last checkpoint. If it says so again, give the process more memory.',
  },

  // state and processes
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

export type ErrorCode = keyof typeof ERRORS
