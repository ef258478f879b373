/**
 * Of a connector's property that says nothing about messages, what to write instead in a pipeline. A pasted list of properties is
 * answered line by line; null for what Debezium does not have either.
 */
export function insteadOf(property: string): string | null {
  const found = ANSWERS.find(([pattern]) => pattern.test(property))
  return found ? found[1] : null
}

const NOT_NEEDED = 'has nothing to set here: leave it out'
const NOT_THERE = 'is not there: leave it out'

const ANSWERS: readonly (readonly [RegExp, string])[] = [
  [/^debezium\.sink\./, 'belongs to the sink: see its options'],
  [/^debezium\./, 'is Debezium Server’s: write it without `debezium.source.` or `debezium.format.`'],
  [/^connector\.class$|^tasks\.max$|^name$|^database\.server\.name$/, 'is said by the pipeline: leave it out'],
  [
    /^database\.(hostname|port|user|password|ssl.*|tcpKeepAlive|initial\.statements|query\.timeout\.ms)$/,
    'belongs to the source: write it into `source.url`',
  ],
  [/^database\.(include|exclude)\.list$/, 'is said by the database in `source.url`: leave it out'],
  [/^slot\.name$/, 'belongs to the source: write `source.slot`'],
  [/^publication\.name$/, 'belongs to the source: write `source.publication`'],
  [
    /^(schema|table)\.(include|exclude)\.list$|^table\.ignore\.builtin$/,
    'belongs to the source: write `source.tables`, as globs, such as ["public.*", "!public.audit_*"]',
  ],
  [/^column\.(include|exclude)\.list$/, 'belongs to the source: write `source.columns`'],
  [/^column\.(mask|truncate)\./, 'is done by a transform: write `transforms: [{ type: mask, … }]`'],
  [
    /^transforms\..+\.(add\.fields|add\.headers|add\.fields\.prefix|add\.headers\.prefix|delete\.tombstone\.handling\.mode|delete\.handling\.mode|drop\.tombstones|route\.by\.field|drop\.fields\..+)$/,
    'is an option of the format `debezium-flat`: write its name without what stands before it',
  ],
  [
    /^(transforms|predicates)(\.|$)/,
    'is done by `transforms` of the pipeline, or by the format `debezium-flat` where it is ExtractNewRecordState',
  ],
  [/^snapshot\.mode$/, 'belongs to the pipeline: write `snapshot.mode`'],
  [/^snapshot\.select\.statement\.overrides/, 'belongs to the source: write `source.where`'],
  [/^snapshot\.max\.threads$/, 'belongs to the pipeline: write `snapshot.parallel`'],
  [
    /^(snapshot|incremental\.snapshot|legacy\.snapshot)\./,
    'has nothing to set here: snapshots are read in chunks beside the log, see `snapshot`; leave it out',
  ],
  [/^(max\.batch\.size|max\.queue\.size.*|poll\.interval\.ms)$/, 'belongs to the pipeline: write `batch`'],
  [/^topic\.naming\.strategy$/, 'has one way here, by schema and table; another is a template in `topic` of the sink'],
  [/^topic\.creation\./, 'belongs to the sink: see its options for topics that it makes'],
  [/^header\.converter/, 'has one way here: texts as they are, keys as JSON; leave it out'],
  [/^(key|value)\.converter\./, 'is not there: JSON has `schemas.enable` alone'],
  [
    /^(converters|post\.processors|sourceinfo\.struct\.maker|transaction\.metadata\.factory)(\.|$)/,
    'is Java code, which cannot run here: use the transform `script`',
  ],
  [/^heartbeat\.action\.query$/, 'is not needed: an idle pipeline pushes the log on by itself; leave it out'],
  [/^(signal|notification)\./, `${NOT_THERE}; \`millrace resync\` and \`millrace status\` do that work`],
  [/^(plugin\.name|slot\..+|publication\..+|publish\.via\.partition\.root|replica\.identity\.autoset\.values|status\.update\.interval\.ms|lsn\.flush\..+|flush\.lsn\.source|offset\..+|xmin\.fetch\.interval\.ms|read\.only|schema\.refresh\.mode|errors\..+|retriable\..+|event\.processing\.failure\.handling\.mode|query\.fetch\.size|queue\..+|streaming\.delay\.ms|connection\..+|executor\..+|topic\.cache\.size|custom\..+|guardrail\..+|statistics\..+|openlineage\..+|exactly\.once\.support|transaction\.boundary|producer\..+|bootstrap\.servers|group\.id|plugin\.path|internal\..+|include\.schema\..+|schema\.history\..+|driver\..+|database\..+)$/, NOT_NEEDED], // prettier-ignore
  [/^drop\.fields\.from\.key$/, 'is not there: the key of a message stays whole'],
  [/^header\.(changed|unchanged)\.name$/, 'is an option of the format `debezium-flat`'],
]
