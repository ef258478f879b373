export type Metric = { kind: 'counter' | 'gauge'; unit: string; labels: readonly string[]; meaning: string }

/** The numbers of a running pipeline: their names, units and labels exist here once. Rates are of the last ten seconds. */
export const METRICS = {
  elapsedSeconds: { kind: 'counter', unit: 'seconds', labels: [], meaning: 'Since the run began.' },
  tablesCopied: { kind: 'counter', unit: 'tables', labels: [], meaning: 'Tables whose copy is done.' },
  tablesToCopy: { kind: 'gauge', unit: 'tables', labels: [], meaning: 'Tables whose copy was planned and is not done.' },
  rowsCopied: { kind: 'counter', unit: 'rows', labels: [], meaning: 'Rows copied. A row that was read again counts once.' },
  bytesCopied: { kind: 'counter', unit: 'bytes', labels: [], meaning: 'The same rows, on the wire.' },
  rowsPerSecond: { kind: 'gauge', unit: 'rows/s', labels: [], meaning: 'How fast rows are being copied.' },
  copySecondsLeft: {
    kind: 'gauge',
    unit: 'seconds',
    labels: [],
    meaning: 'Until everything planned is copied; null where that is not known.',
  },
  changes: { kind: 'counter', unit: 'changes', labels: [], meaning: 'Changes read of the log. One that was read again counts once.' },
  changesPerSecond: { kind: 'gauge', unit: 'changes/s', labels: [], meaning: 'How fast changes are being read.' },
  sinkLagBytes: {
    kind: 'gauge',
    unit: 'bytes',
    labels: ['sink'],
    meaning: 'Bytes of log between what the sink holds durably and the end of the log; null where one of them is not known.',
  },
  sinkLagSeconds: { kind: 'gauge', unit: 'seconds', labels: ['sink'], meaning: 'How long ago the sink was level with the log.' },
} as const satisfies Record<string, Metric>

export type MetricName = keyof typeof METRICS

/** A value for each; one with a label has a value for each of the label's values. */
export type MetricValues = {
  [Name in MetricName]: (typeof METRICS)[Name]['labels'] extends readonly [] ? number | null : Readonly<Record<string, number | null>>
}
