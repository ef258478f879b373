import type { ErrorEntry } from './error-entry.ts'

/** Sinks, archives and Parquet files. */
export const SINK_ERRORS = {
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
  SINK_HTTP_UNREACHABLE: {
    kind: 'transient',
    message: 'The sink {sink} gets no answer from {endpoint}: {reason}.',
    hint: 'Nothing is needed where it passes: it is tried again from the last checkpoint. If it stays, see to the network, `url` and `timeout` of the sink.',
  },
  SINK_HTTP_BUSY: {
    kind: 'transient',
    message: 'The endpoint {endpoint} answers the sink {sink} with {status}.',
    hint: 'Nothing is needed where it passes: it is tried again from the last checkpoint. If it stays, see to the endpoint, or send it less at once (`maxRecords`, `concurrency`).',
  },
  SINK_HTTP_TLS: {
    kind: 'operator',
    message: 'The sink {sink} and {endpoint} do not agree on TLS: {reason}.',
    hint: "Set `tls.ca` to the endpoint's authority, `tls.cert` and `tls.key` where it asks for a certificate of ours, and see that `url` names the host that its certificate names.",
  },
  SINK_HTTP_REDIRECT: {
    kind: 'operator',
    message: 'The endpoint {endpoint} redirects the sink {sink} ({status}) to {location}; redirects are not followed.',
    hint: 'Set `url` to where the messages are to go; `curl -sI URL` prints the new address.',
  },
  SINK_HTTP_DENIED: {
    kind: 'operator',
    message: 'The endpoint {endpoint} does not let the sink {sink} in ({status}).',
    hint: 'See to `token`, `username` and `password`, or `headers` of the sink, and to its rights there.',
  },
  SINK_HTTP_REJECTED: {
    kind: 'operator',
    message: 'The endpoint {endpoint} does not take what the sink {sink} sends, whatever it holds ({status}).',
    hint: 'See that `url` is the whole address of an endpoint that takes POST; then run again: it goes on where it stopped.',
  },
  SINK_HTTP_MESSAGE_REFUSED: {
    kind: 'data',
    message: 'The endpoint {endpoint} of the sink {sink} refuses ({status}) the message {id}, of {table} at {position}.',
    hint: 'Let the endpoint take it (its own log says why it did not), then `millrace dlq retry --all`; or leave the column or the table out.',
  },
  SINK_HTTP_MESSAGE_TOO_LARGE: {
    kind: 'data',
    message: 'The endpoint {endpoint} of the sink {sink} finds the message {id}, of {table} at {position}, too large ({status}).',
    hint: 'Let the endpoint take larger bodies, then `millrace dlq retry --all`; or leave the column out by `source.columns`.',
  },
  SINK_STREAM_MISSING: {
    kind: 'operator',
    message: 'The sink {sink} should write to the stream {stream} in {region}, and there is no such stream.',
    hint: 'Make it (`aws kinesis create-stream --stream-name NAME --stream-mode-details StreamMode=ON_DEMAND`), or correct `stream`, `region` and `endpoint` of the sink.',
  },
  SINK_STREAM_STATE: {
    kind: 'transient',
    message: 'The stream {stream} in {region}, for the sink {sink}, cannot be written to now: it is {status}.',
    hint: 'Nothing is needed where it is being made: it is tried again. One that is being deleted has to be made again.',
  },
  SINK_STREAM_THROTTLED: {
    kind: 'transient',
    message: 'The stream {stream} in {region} took nothing more of the sink {sink} for a while: {reason}.',
    hint: 'It is tried again from the last checkpoint. If it stays, give the stream shards (`aws kinesis update-shard-count`, or on-demand mode), or choose a `partitionKey` that spreads the rows.',
  },
  SINK_STREAM_FORBIDDEN: {
    kind: 'operator',
    message: 'The sink {sink} may not {action} the stream {stream} in {region}: {reason}.',
    hint: 'Allow kinesis:PutRecords and kinesis:DescribeStreamSummary on the stream, and kms:GenerateDataKey on its key where it is encrypted by one.',
  },
  SINK_STREAM_REFUSED: {
    kind: 'operator',
    message: 'The service refused to {action} the stream {stream} in {region} for the sink {sink}: {reason}.',
    hint: 'See that `endpoint` of the sink is one of Kinesis Data Streams; if it is, report it.',
  },
  SINK_RECORD_TOO_LARGE: {
    kind: 'data',
    message: 'A record of {table} at {position} has {bytes} bytes, and the stream {stream} of the sink {sink} takes {limit} at most.',
    hint: 'Raise the limit of the stream, up to 10 MiB (`aws kinesis update-max-record-size --stream-arn ARN --max-record-size-in-ki-b 10240`), or leave out large columns by `source.columns`.',
  },
  SINK_PARTITION_KEY: {
    kind: 'config',
    message: 'The function `partitionKey` of the sink {sink} chose no partition key for a change of {table}: {reason}.',
    hint: 'Let it return text for every change, also for deletes, truncates and rows read.',
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
} as const satisfies Record<string, ErrorEntry>
