import { connect as dial, createServer, type AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { startPostgres } from '../../../test/servers.ts'
import { closeConnection, connect } from './connection.ts'
import { copyWhole } from './copy-out.ts'
import { queryRows } from './query.ts'

/** CopyDone: the end of the data, before the server's count of rows. */
const COPY_DONE = Buffer.from([0x63, 0, 0, 0, 4])

test('the count of rows is right also where it comes a packet after the data', async () => {
  await using server = await startPostgres()
  const proxy = createServer((client) => {
    const upstream = dial(server.port, '127.0.0.1')
    client.pipe(upstream)
    for (const socket of [client, upstream]) socket.on('error', () => {})
    upstream.on('data', (data) => {
      const done = data.indexOf(COPY_DONE)
      if (done < 0) return client.write(data)
      client.write(data.subarray(0, done + COPY_DONE.length))
      setTimeout(() => client.write(data.subarray(done + COPY_DONE.length)), 20)
    })
  })
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  // It listens on a port, so its address is one.
  const { port } = proxy.address() as AddressInfo
  const connection = await connect(`postgres://postgres@127.0.0.1:${port}/postgres`, { gulp: true })
  const { rowCount } = await copyWhole(connection, 'COPY (SELECT 1 FROM generate_series(1, 69)) TO STDOUT (FORMAT binary)', 1000)
  await queryRows(connection, 'SELECT 1::text')
  expect(rowCount()).toBe(69)
  await closeConnection(connection)
  proxy.close()
})
