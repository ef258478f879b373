import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { LOG_EVENTS } from '../src/telemetry/log-events.ts'
import { METRICS, type Metric } from '../src/telemetry/metrics.ts'

/** The numbers of a running pipeline and the events of its log. */
export function metricsText(): string {
  const metrics = Object.entries<Metric>(METRICS).map(
    ([name, { kind, unit, labels, meaning }]) =>
      `| \`${name}\` | ${kind} | ${unit} | ${labels.map((label) => `\`${label}\``).join(', ')} | ${meaning} |\n`,
  )
  const events = Object.entries(LOG_EVENTS)
    .filter(([, { level }]) => level !== null)
    .map(([name, { level, meaning }]) => `| \`${name}\` | ${level} | ${meaning} |\n`)
  const declarations = readFileSync(join(import.meta.dirname, '..', 'src/telemetry/pipeline-event.ts'), 'utf8').replace(
    /^import .*\n+/gm,
    '',
  )
  return `# Metrics and log events

Logs are JSON lines on stderr wherever stderr is no terminal, and with \`--log json\`: \`{"level":…,"time":…,"msg":EVENT,…}\`.
There is no metrics endpoint yet: the numbers below are in the log.

## Metrics

Every ten seconds in which something changed, a line \`progress\` holds each of these as a field; one with a label holds an object by the label's values.
Besides, \`copying\` has the tables under way with their share (16 at most), and \`waits\` says what is waited for.
\`millrace status --json\` has the sinks' lags for whoever asks ([json.md](json.md)).

| name | kind | unit | labels | |
|---|---|---|---|---|
${metrics.join('')}
## Events

| event | level | |
|---|---|---|
${events.join('')}| \`retry\` | info, warn, error | A part failed and is tried again; a warning from the fourth failure in a row on, an error from the ninth. |
| \`summary\` | info | The end of a run: the object of \`run --json\`. |

Warnings are told under their code, with \`message\`. The fields of each event:

\`\`\`ts
${declarations.trim().replaceAll('export type', 'type')}
\`\`\`
`
}
