import { rowsAt, userRow, usersTable } from '../../src/testing/fixtures.ts'
import { createPlainFormat } from '../../src/testing/plain-format.ts'
import { openStdout } from '../../src/sinks/stdout/sink.ts'

/** Writes more than a pipe holds, and says on stderr that the event loop turns meanwhile, and how it ended. */
const sink = openStdout({ name: 'stdout', format: createPlainFormat(), stream: process.stdout })
const timer = setInterval(() => process.stderr.write('still turning\n'), 20)
const rows = Array.from({ length: 20_000 }, (_, at) => userRow(at))
try {
  await sink.write(rowsAt(1, { table: usersTable(), chunk: 'c', rows }), new AbortController().signal)
} catch (error) {
  process.stderr.write(`${(error as { code: string }).code}\n`)
}
clearInterval(timer)
await sink[Symbol.asyncDispose]()
