import type { ArchiveSummary } from '../core/archive.ts'
import type { ArchivedTable } from '../core/archive-table.ts'
import { shellQuote } from '../lib/shell-quote.ts'
import { formatBytes, formatCount, formatDuration } from '../lib/units.ts'

/** Of so many tables each has a line; of more, the largest. Those that failed always have. */
const LISTED = 20

/** The end of a snapshot, for people: rows, bytes, rate, where it lies and how to look at it. */
export function archiveText(summary: ArchiveSummary): string {
  const { ok, tables, bytes, seconds, position, id, attempts } = summary
  const failed = tables.filter(({ catalog }) => !catalog.success)
  const whole = tables
    .filter(({ catalog }) => catalog.success)
    .toSorted((one, other) => other.catalog.num_records_processed - one.catalog.num_records_processed)
  const rows = whole.reduce((sum, { catalog }) => sum + catalog.num_records_processed, 0)
  const rate = seconds > 0 ? `, ${formatCount(rows / seconds)} rows/s` : ''
  const example = whole.find(({ catalog }) => catalog.num_records_processed > 0)?.example
  return [
    `${formatCount(rows)} rows of ${counted(whole.length)} archived: ${formatBytes(bytes)} in ${formatDuration(seconds * 1000)}${rate}.`,
    `All of one moment, position ${position}; snapshot ${id}${attempts > 1 ? `, the ${attempts}nd that was begun` : ''}.`,
    ...whole.slice(0, LISTED).map(tableLine),
    ...(whole.length > LISTED ? [`  … and ${counted(whole.length - LISTED)} more (--json lists all)`] : []),
    ...failed.map(failureLine),
    ...(example ? [`To look at it: duckdb -c ${shellQuote(`${example} LIMIT 10`)}`] : []),
    ...(ok ? [] : [`FAILED: ${failed.length} of ${counted(tables.length)}.${whole.length > 0 ? ' The others are whole.' : ''}`]),
  ].join('\n')
}

function tableLine({ path, catalog }: ArchivedTable): string {
  const bytes = catalog.files.reduce((sum, file) => sum + file.bytes, 0)
  const parts = `${catalog.files.length} ${catalog.files.length === 1 ? 'part' : 'parts'}`
  return `  ${catalog.source}  ${formatCount(catalog.num_records_processed)} rows, ${formatBytes(bytes)} in ${parts}  ${path}`
}

function failureLine({ catalog }: ArchivedTable): string {
  return `  ${catalog.source}  FAILED  ${catalog.error?.message ?? ''} [${catalog.error?.code ?? ''}]`
}

function counted(tables: number): string {
  return `${formatCount(tables)} ${tables === 1 ? 'table' : 'tables'}`
}
