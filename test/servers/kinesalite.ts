/**
 * Kinesis Data Streams as kinesalite plays them, from npm, in memory: gone when `stop` resolves.
 * Not moto, which plays them too: it moves a parent's records into its children, and loses records that are put at once.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { freePort, until } from '../servers.ts'
import { installOnce, runTool } from './install-once.ts'

const PACKAGE = 'kinesalite@3.3.3'
const QUICK = ['--createStreamMs', '5', '--updateStreamMs', '5', '--deleteStreamMs', '5', '--shardLimit', '100000']

export type KinesaliteServer = {
  /** What the configuration of a sink takes. */
  settings: { endpoint: string; region: string; accessKeyId: string; secretAccessKey: string }
  stop(): Promise<void>
}

export async function startKinesalite(): Promise<KinesaliteServer> {
  const folder = await installOnce(PACKAGE, install)
  const port = await freePort()
  const program = join(folder, 'node_modules/kinesalite/cli.js')
  const child = spawn(process.execPath, [program, '--port', String(port), ...QUICK], { stdio: 'ignore' })
  const end = () => child.kill('SIGKILL')
  process.once('exit', end)

  async function stop(): Promise<void> {
    process.removeListener('exit', end)
    if (child.exitCode === null && child.kill('SIGKILL')) await once(child, 'exit')
  }

  const settings = {
    endpoint: `http://127.0.0.1:${port}`,
    region: 'eu-north-1',
    accessKeyId: 'millrace',
    secretAccessKey: 'millrace-secret',
  }
  await until(
    () =>
      fetch(settings.endpoint).then(
        () => true,
        () => false,
      ),
    30_000,
    'kinesalite',
  )
  return { settings, stop }
}

/** Without what has to be compiled: a store on disk. */
async function install(path: string): Promise<void> {
  await runTool('npm', [
    'install',
    '--prefix',
    path,
    '--omit=optional',
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    '--no-save',
    PACKAGE,
  ])
}
