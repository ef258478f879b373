import { existsSync, readFileSync, renameSync, openSync, writeSync, fsyncSync, closeSync } from 'node:fs'
import type { SinkRecord } from '../../src/contracts/sink.ts'
import { openFile } from '../../src/sinks/file/sink.ts'
import { batchOf, insertOf, userRow, usersTable } from '../../src/testing/fixtures.ts'
import { createPlainFormat } from '../../src/testing/plain-format.ts'

/**
 * Writes numbered rows of two tables from where its record says, one transaction after the other, until it is killed.
 * argv: the folder, the file of the record. The record is replaced by a rename, as atomic as the state store's transaction.
 */
const [, , root = '', record = ''] = process.argv
const state = {
  async load() {
    return existsSync(record) ? (JSON.parse(readFileSync(record, 'utf8')) as SinkRecord & { data: unknown }) : null
  },
  async save(step: SinkRecord & { data: unknown }) {
    const file = openSync(`${record}.new`, 'w')
    writeSync(file, JSON.stringify(step))
    fsyncSync(file)
    closeSync(file)
    renameSync(`${record}.new`, record)
  },
}

const [users, others] = [usersTable(), usersTable({ name: 'others', id: 2 })]
const sink = openFile({ name: 'file', root, format: createPlainFormat(), rollSize: 20_000, rollAfterMs: 60_000, state })
const held = await sink.resume()
const { signal } = new AbortController()
for (let at = held === null ? 1 : Number.parseInt(held.position, 16) / 256; ; at++) {
  const filler = 'x'.repeat((at + process.pid) % 300) // what is written again differs, so a remnant shows
  await sink.write(batchOf(at, insertOf(users, userRow(at, filler)), insertOf(others, userRow(at, filler))), signal)
  if (at % 7 === 0) await sink.flush(signal)
  if (at % 50 === 0) process.stdout.write(`${at}\n`)
}
