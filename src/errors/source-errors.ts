import type { ErrorEntry } from './error-entry.ts'

/** Reaching Postgres, its rights and settings, gaps in its log, reading it, looking at it by `tail`. */
export const SOURCE_ERRORS = {
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
  RIGHT_REPLICATION: {
    kind: 'operator',
    message: 'The role {role} may not open replication connections.',
    hint: 'Run {grant}; on Amazon RDS and Aurora GRANT rds_replication TO the role instead.',
  },
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
} as const satisfies Record<string, ErrorEntry>
