/** The limits that every figure is a ratio to, measured in the same run on the same content. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import type { PostgresServer } from '../test/servers.ts'

export type Timed = { seconds: number }

/** `pg_recvlogical` writing to /dev/null, as anybody would start it. */
export function recvlogical(server: PostgresServer, at: { slot: string; publication: string; end: string }): Promise<Timed> {
  const options = ['-o', 'proto_version=1', '-o', `publication_names=${at.publication}`, '-F', '0', '-s', '1', '--no-loop']
  return timed('pg_recvlogical', [...connection(server), '-S', at.slot, '--start', '-f', '/dev/null', `--endpos=${at.end}`, ...options])
}

/** `psql \copy … binary` of one table to /dev/null, on one connection. */
export function copyOut(server: PostgresServer, table: string): Promise<Timed> {
  return timed('psql', [...connection(server), '-qc', `\\copy ${table} to '/dev/null' (format binary)`])
}

/**
 * The same log read in gulps: up to 1 MB at a time, resting between reads, looking at nothing but message headers.
 * What the server can decode and send when its reader does not slow it.
 */
export function drain(server: PostgresServer, at: { slot: string; publication: string; end: string }): Promise<Timed> {
  const begun = performance.now()
  const end = parseLsn(at.end)
  return new Promise((resolve, reject) => {
    let rest: Buffer = Buffer.alloc(0)
    let started = false
    const read = (count: number, buffer: Uint8Array) => {
      let data = Buffer.from(buffer.subarray(0, count))
      if (rest.length > 0) data = Buffer.concat([rest, data])
      let offset = 0
      while (data.length - offset >= 5) {
        const length = data.readUInt32BE(offset + 1)
        if (data.length - offset <= length) break
        const kind = data[offset]
        if (kind === 0x45) return reject(new Error(data.toString('utf8', offset + 5, offset + length)))
        if (kind === 0x5a && !started) {
          started = true
          socket.write(
            message(
              'Q',
              Buffer.from(`START_REPLICATION SLOT "${at.slot}" LOGICAL 0/0 (proto_version '1', publication_names '${at.publication}')\0`),
            ),
          )
        }
        if (kind === 0x64 && data.readBigUInt64BE(offset + 6) >= end) {
          socket.destroy()
          return resolve({ seconds: (performance.now() - begun) / 1000 })
        }
        offset += length + 1
      }
      rest = Buffer.from(data.subarray(offset))
      if (!started) return true
      setTimeout(() => socket.resume(), 1)
      return false
    }
    const socket = connect({
      host: '127.0.0.1',
      port: server.port,
      noDelay: true,
      onread: { buffer: Buffer.alloc(1 << 20), callback: (n, b) => read(n, b) ?? false },
    })
    socket.once('error', reject)
    socket.once('connect', () => {
      const parameters = Buffer.from('\0\x03\0\0user\0postgres\0database\0postgres\0replication\0database\0\0', 'latin1')
      const length = Buffer.alloc(4)
      length.writeUInt32BE(parameters.length + 4)
      socket.write(Buffer.concat([length, parameters]))
    })
  })
}

function message(kind: string, body: Buffer): Buffer {
  const head = Buffer.alloc(5)
  head.write(kind, 'latin1')
  head.writeUInt32BE(body.length + 4, 1)
  return Buffer.concat([head, body])
}

function parseLsn(text: string): bigint {
  const [high = '0', low = '0'] = text.split('/')
  return (BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`)
}

function connection(server: PostgresServer): string[] {
  return ['-h', '127.0.0.1', '-p', String(server.port), '-U', 'postgres', '-d', 'postgres']
}

async function timed(command: string, args: string[]): Promise<Timed> {
  const begun = performance.now()
  const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'inherit'] })
  const [code] = (await Promise.race([once(child, 'exit'), once(child, 'error').then(([error]) => Promise.reject(error as Error))])) as [
    number,
  ]
  if (code !== 0) throw new Error(`${command} ended with ${code}`)
  return { seconds: (performance.now() - begun) / 1000 }
}
