import { expect, test } from 'vitest'
import { checkText } from '../../src/cli/check-text.ts'
import { errorText } from '../../src/cli/error-text.ts'
import { createLog } from '../../src/cli/log.ts'
import { retryText } from '../../src/cli/news-text.ts'
import { progressBars } from '../../src/cli/progress-bars.ts'
import { createProgressTracker } from '../../src/cli/progress-tracker.ts'
import { archiveText } from '../../src/cli/snapshot-text.ts'
import { createLines } from '../../src/cli/tail-lines.ts'
import type { Change } from '../../src/contracts/change.ts'
import { tableName } from '../../src/contracts/table.ts'
import { MillraceError } from '../../src/errors/millrace-error.ts'
import { harmlessLines } from '../../src/lib/harmless.ts'
import { definition as duckdb } from '../../src/sinks/duckdb/definition.ts'
import { definition as file } from '../../src/sinks/file/definition.ts'
import { definition as parquet } from '../../src/sinks/parquet/definition.ts'
import { sampleColumn, sampleTable } from '../../src/testing/fixtures.ts'

/** Sets the title, clears, moves, rings, turns, hides, ends the line, spoofs one. */
const EVIL = '\u001b]0;title\u0007\u001b[2J\u009b31m\rspoofed\u202etxt.exe\u2066\u200b\u001b[8m'
const TABLE = sampleTable(`t${EVIL}`, [
  sampleColumn('id', { kind: 'int32' }, { nullable: false }),
  sampleColumn(`c${EVIL}`, { kind: 'text', name: 'text' }),
])
const NAME = tableName(TABLE)

/** What is left of a text without line breaks and the styles of ours that it may have. */
const bare = (text: string) => text.replaceAll(/\n|\u001b\[(?:\d|[23]\d|90)m/g, '')
const steering = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/

const error = new MillraceError('SINK_IO', { sink: 'out', path: `/tmp/${EVIL}`, reason: EVIL })

const logged = (form: 'json' | 'pretty') => {
  let text = ''
  const log = createLog({ form, level: 'info', color: false, write: (piece) => void (text += piece) })
  log.warn('misfits', { table: NAME, message: `the table ${NAME}` })
  log.info('left', { tables: [NAME], error })
  return text
}

const tracked = () => {
  const tracker = createProgressTracker({ lagSeconds: () => null })
  tracker.on({ event: 'snapshot-planned', table: NAME, chunks: 2, chunksDone: 0, rowEstimate: 9, rows: 0, bytes: 0 } as never) // what it reads of it
  return tracker.view()
}

const texts: Record<string, () => string> = {
  'a change in tail': () => {
    const tx = { position: '0000000000000010', xid: 1, commitTimeUs: 0 }
    const change: Change = { op: 'insert', table: TABLE, before: null, oldKey: null, after: [1, EVIL], ordinal: 0, tx }
    return createLines({ color: true, columns: () => Infinity }).changeLine(change)
  },
  'a row in tail': () =>
    createLines({ color: false, columns: () => 80 }).readLine(TABLE, [1, EVIL], { position: '1', chunk: 'c', index: 0 }),
  'progress bars': () => progressBars(tracked(), { columns: 200, rows: 30, color: true }),
  'a log of JSON': () => logged('json'),
  'a log for people': () => logged('pretty'),
  'an error': () => errorText(error, { json: false, verbose: true }),
  'an error as JSON': () => errorText(error, { json: true, verbose: true }),
  'news of a retry': () =>
    retryText({ event: 'retry', part: 'out', attempt: 1, delayMs: 100, message: error.message, level: 'info' } as never), // what it reads of it
  'findings of check': () =>
    checkText(
      {
        ok: false,
        pipeline: 'shop',
        findings: [
          {
            severity: 'error',
            code: 'TABLE_NO_KEY',
            subject: NAME,
            message: `${NAME} has no key`,
            hint: `ALTER TABLE "${TABLE.name}"`,
            area: 'tables',
          },
        ],
      } as never, // what it reads of it
      { isColored: true, isQuiet: false, width: 80 },
    ),
  'commands to look at data': () => {
    const at = { pathOf: (path: string) => path, table: { schema: 'public', name: TABLE.name } }
    const places = [
      duckdb.place?.({ path: './a.duckdb' } as never, at), // what it reads of it
      file.place?.({ path: './out' } as never, at),
      parquet.place?.({ path: './lake' } as never, at),
    ]
    return places.map((place) => place?.query ?? 'nothing').join('\n')
  },
}

test.each(Object.entries(texts))('no name and no value steers a terminal: %s', (_, make) => {
  const text = make()
  expect(text).not.toBe('')
  expect(bare(text)).not.toMatch(steering)
  expect(text).toMatch(/\\u001b|\\x1b|%1[bB]|~1b/)
})

test('JSON made harmless is the same JSON', () => {
  const value = { [EVIL]: [EVIL, `\\${EVIL}"`] }
  expect(JSON.parse(harmlessLines(JSON.stringify(value)))).toEqual(value)
  expect(JSON.parse(harmlessLines(JSON.stringify(value, null, 2)))).toEqual(value)
})

test('a command to look at an archive is one word to the shell, whatever the table is called', () => {
  const whole = {
    catalog: { success: true, num_records_processed: 1, files: [], source: 't' },
    path: 'p',
    example: "SELECT * FROM read_parquet('$(touch pwned)`x`')",
  }
  const text = archiveText({ ok: true, tables: [whole], bytes: 1, seconds: 1, position: '1', id: 'i', attempts: 1 } as never) // what it reads of it
  expect(text).toContain(`duckdb -c 'SELECT * FROM read_parquet('\\''$(touch pwned)\`x\`'\\'') LIMIT 10'`)
})
