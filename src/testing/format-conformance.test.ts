import { describe, expect, test } from 'vitest'
import type { Change } from '../contracts/change.ts'
import type { Format, Message } from '../contracts/format.ts'
import { UNCHANGED, type Row } from '../contracts/table.ts'
import { messageLines } from '../messages/message-lines.ts'
import { formatConformance } from './format-conformance.ts'
import { createPlainFormat } from './plain-format.ts'

/** The plain format with what was not sent told from NULL, and lines of whole messages: right in all that is asked. */
function createRight(): Format {
  const plain = createPlainFormat()
  const unsent = (row: Row | null) => (row ?? []).flatMap((value, at) => (value === UNCHANGED ? [at] : []))
  const change = (each: Change): Message[] => {
    const row = each.op === 'message' || each.op === 'truncate' ? null : (each.after ?? each.before)
    return plain.change(each).map((message) => ({ ...message, headers: { ...message.headers, unsent: unsent(row).join() } }))
  }
  return linedUp({ ...plain, change })
}

function linedUp(format: Format): Format {
  return {
    ...format,
    changeLine: (change) => messageLines(format.change(change)),
    readLine: (table, row, at) => messageLines(format.read(table, row, at)),
  }
}

type Alter = (message: Message, change: Change) => Message | null

function altered(alter: Alter): () => Format {
  return () => {
    const format = createRight()
    return linedUp({ ...format, change: (change) => format.change(change).flatMap((message) => alter(message, change) ?? []) })
  }
}

/** Keeps what it saw between changes. */
function counting(more: Partial<Format> = {}): Format {
  let count = 0
  const format = createRight()
  return linedUp({
    ...format,
    change: (change) => format.change(change).map((each) => ({ ...each, headers: { nth: `${count++}` } })),
    ...more,
  })
}

/** One list for all that it gives. */
function reusing(): Format {
  const format = createRight()
  const given: Message[] = []
  return linedUp({
    ...format,
    change(change) {
      given.length = 0
      given.push(...format.change(change))
      return given
    },
  })
}

/** Encoders by the table's name, whatever its version. */
function byName(): Format {
  const format = createRight()
  const tables = new Map<string, Change['table']>()
  const known = (change: Change): Change => {
    if (change.op === 'message') return change
    const table = tables.get(change.table.name) ?? change.table
    tables.set(change.table.name, table)
    return Object.create(change, { table: { value: table } })
  }
  return linedUp({ ...format, change: (change) => format.change(known(change)) })
}

describe('the conformance suite of formats', () => {
  const subject = { create: createRight, tells: ['truncate', 'message'] as const, leavesOut: [] }
  for (const { title, run } of formatConformance(subject)) test(`passes a right format: ${title}`, run)

  test.each<[string, () => Format]>([
    ['drops deletes', altered((message, { op }) => (op === 'delete' ? null : message))],
    [
      'tells a delete as an insert',
      altered((message, { op }) => ({ ...message, value: op === 'delete' || op === 'insert' ? '1' : message.value })),
    ],
    ['drops truncates, which it says it tells', altered((message, { op }) => (op === 'truncate' ? null : message))],
    ['leaves a column out', altered((message) => ({ ...message, value: message.value?.replaceAll(/0\.1|NaN/g, '') ?? null }))],
    ['writes NULL for what was not sent', altered((message) => ({ ...message, headers: {} }))],
    ['gives a key by operation', altered((message, { op }) => ({ ...message, key: message.key && JSON.stringify(op + message.key) }))],
    ['gives one key to all rows', altered((message) => ({ ...message, key: '"k"' }))],
    ['ends values in line breaks', altered((message) => ({ ...message, value: `${message.value}\n` }))],
    ['gives headers that are no text', altered((message) => ({ ...message, headers: { ...message.headers, nth: 1 as never } }))],
    [
      'writes lines over several lines',
      () => ({ ...createRight(), changeLine: (change) => createRight().changeLine(change).replace(',', ',\n') }),
    ],
    ['writes other lines than messages', () => ({ ...createRight(), changeLine: () => '{}\n' })],
    ['writes other bytes than lines', () => ({ ...createRight(), writeLine: (_, out, at) => at + out.write('{}\n', at) })],
    ['counts what it was given', () => counting()],
    ['reads the clock', altered((message) => ({ ...message, headers: { at: `${performance.now()}` } }))],
    ['gives one list again and again', reusing],
    ['keeps encoders by name', byName],
    ['alters what it is given', altered((message, change) => (change.op === 'insert' ? change.after.fill(null) : null, message))],
    [
      'says at the end of each batch what it held',
      () => ({ ...createRight(), after: ({ changes }) => [{ topic: 'end', key: null, value: `${changes.length}`, headers: null }] }),
    ],
    ['numbers the changes of a transaction from the start of its life', () => numbering(false)],
  ])('fails a format that %s', async (_, create) => {
    expect(await firstFailure(create)).not.toBeNull()
  })

  test('a format that numbers within transactions passes once it says that it must see them whole', async () => {
    expect(await firstFailure(() => numbering(true))).toBeNull()
  })
})

/** Right where transactions are whole: it counts from each one's first change on. */
function numbering(wholeTransactions: boolean): Format {
  const format = createRight()
  let current = ''
  let count = 0
  return linedUp({
    ...format,
    wholeTransactions,
    change(change) {
      const position = change.tx?.position ?? ''
      if (position !== current || change.ordinal === 0) count = 0
      current = position
      return format.change(change).map((each) => ({ ...each, headers: { ...each.headers, nth: `${count++}` } }))
    },
  })
}

async function firstFailure(create: () => Format): Promise<string | null> {
  for (const { title, run } of formatConformance({ create, tells: ['truncate', 'message'], leavesOut: [] })) {
    try {
      await run()
    } catch {
      return title
    }
  }
  return null
}
