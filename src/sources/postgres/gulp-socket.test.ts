import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { until } from '../../../test/servers.ts'
import { GulpSocket } from './gulp-socket.ts'

describe('a socket that reads in gulps', () => {
  let server: Server
  let peer: Promise<Socket>
  let socket: GulpSocket

  beforeEach(async () => {
    server = createServer()
    peer = new Promise((resolve) => server.once('connection', (found) => resolve(found.setNoDelay(true).on('error', () => {}))))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    socket = new GulpSocket().connect((server.address() as AddressInfo).port, '127.0.0.1')
    socket.on('error', () => {})
  })
  afterEach(async () => {
    socket.destroy()
    ;(await peer).destroy()
    await new Promise((resolve) => server.close(resolve))
  })

  test('carries bytes both ways, whole and in order', async () => {
    const other = await peer
    const sent = Buffer.from(Array.from({ length: 3_000_000 }, (_, index) => index % 251))
    const received: Buffer[] = []
    socket.on('data', (chunk: Buffer) => received.push(chunk))
    other.end(sent)
    await new Promise((resolve) => socket.once('end', resolve))
    expect(Buffer.concat(received).equals(sent)).toBe(true)
  })

  test('writes in order, joined where it can', async () => {
    const other = await peer
    let text = ''
    other.on('data', (chunk) => (text += chunk.toString()))
    socket.cork()
    for (const word of ['a', 'b', 'c']) socket.write(word)
    socket.uncork()
    socket.end('d')
    await new Promise((resolve) => other.once('end', resolve))
    expect(text).toBe('abcd')
  })

  test('hands lone bytes on at once, and a few small reads too', async () => {
    const other = await peer
    const delays: number[] = []
    for (let round = 0; round < 20; round++) {
      const arrived = new Promise<number>((resolve) => socket.once('data', () => resolve(performance.now())))
      const sentAt = performance.now()
      other.write('x')
      delays.push((await arrived) - sentAt)
    }
    // Twenty in a row, with no pause: had each rested 2 ms, this would not be.
    expect(delays.sort((a, b) => a - b)[10]).toBeLessThan(1.5)
  })

  test('takes a flood in far fewer reads than the sender sends', async () => {
    const other = await peer
    let reads = 0
    let bytes = 0
    socket.on('data', (chunk: Buffer) => {
      reads++
      bytes += chunk.length
    })
    for (let index = 0; index < 200; index++) {
      for (let piece = 0; piece < 100; piece++) other.write(Buffer.alloc(150))
      await new Promise((resolve) => setImmediate(resolve))
    }
    await until(() => bytes === 200 * 100 * 150)
    expect(reads).toBeLessThan(1000)
  })

  test('stops reading when nobody takes what is there', async () => {
    const other = await peer
    let flushed = 0
    const piece = Buffer.alloc(1 << 20)
    socket.pause()
    const fill = () => {
      other.write(piece, (error) => {
        flushed += piece.length
        if (!error) fill()
      })
    }
    fill()
    let before = -1
    await until(async () => {
      const isStill = before === flushed
      before = flushed
      await new Promise((resolve) => setTimeout(resolve, 100))
      return isStill && flushed > 0
    })
    // What it holds itself, and what the kernel holds on both sides.
    expect(socket.readableLength).toBeLessThanOrEqual(2 << 20)
    socket.resume()
    const stuck = flushed
    await until(() => flushed > stuck + (32 << 20))
  })

  test('ends with the peer, and says when the peer broke off', async () => {
    const other = await peer
    const closed = new Promise<string>((resolve) => {
      socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''))
    })
    socket.resume()
    other.resetAndDestroy()
    expect(await closed).toBe('ECONNRESET')
    expect(socket.destroyed).toBe(true)
  })

  test('is gone at once when destroyed during a rest, its timer too', async () => {
    const other = await peer
    socket.on('data', () => {})
    other.write(Buffer.alloc(200_000))
    await new Promise((resolve) => socket.once('data', resolve))
    const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
    const before = timers()
    socket.destroy()
    expect(timers()).toBeLessThanOrEqual(before)
    await new Promise((resolve) => other.once('close', resolve))
  })
})

test('a gulp socket reports a refused connection', async () => {
  const socket = new GulpSocket().connect(1, '127.0.0.1')
  const error = await new Promise<NodeJS.ErrnoException>((resolve) => socket.once('error', resolve))
  expect(error.code).toBe('ECONNREFUSED')
})
