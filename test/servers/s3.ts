/** A real S3-compatible server for tests, on a folder of its own, gone when `stop` resolves. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3'
import { until } from '../servers.ts'
import { installVersitygw } from './versitygw.ts'

export type S3Server = {
  /** What the configuration of a sink takes. */
  settings: { endpoint: string; region: string; accessKeyId: string; secretAccessKey: string }
  client: S3Client
  /** An empty bucket of its own; returns its name. */
  createBucket(): Promise<string>
  stop(): Promise<void>
}

const KEYS = { accessKeyId: 'millrace-test', secretAccessKey: 'millrace-test-secret' }

export async function startS3(): Promise<S3Server> {
  const binary = await installVersitygw()
  const folder = mkdtempSync(join(process.env.MILLRACE_TEST_DIR ?? tmpdir(), 's3-'))
  mkdirSync(join(folder, 'data'))
  const port = await freePort()
  const env = { ...process.env, ROOT_ACCESS_KEY: KEYS.accessKeyId, ROOT_SECRET_KEY: KEYS.secretAccessKey }
  const child = spawn(binary, ['--port', `127.0.0.1:${port}`, 'posix', join(folder, 'data')], { stdio: 'ignore', env })
  const end = () => child.kill('SIGKILL')
  process.once('exit', end)
  const settings = { endpoint: `http://127.0.0.1:${port}`, region: 'us-east-1', ...KEYS }
  const client = new S3Client({ endpoint: settings.endpoint, region: settings.region, credentials: KEYS, forcePathStyle: true })
  let buckets = 0

  async function createBucket(): Promise<string> {
    const name = `bucket-${++buckets}`
    await client.send(new CreateBucketCommand({ Bucket: name }))
    return name
  }

  async function stop(): Promise<void> {
    client.destroy()
    process.removeListener('exit', end)
    if (child.exitCode === null && child.kill('SIGTERM')) await once(child, 'exit')
    rmSync(folder, { recursive: true, force: true })
  }

  await until(
    () =>
      fetch(settings.endpoint).then(
        () => true,
        () => false,
      ),
    30_000,
    'the S3 server',
  )
  return { settings, client, createBucket, stop }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return typeof address === 'object' && address !== null ? address.port : 0
}
