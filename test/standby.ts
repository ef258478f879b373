import { spawnSync } from 'node:child_process'
import { cpSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { PostgresServer } from './servers.ts'

/** Makes a standby of a server: the primary's files, followed by its log. `settings` are lines of postgresql.conf, for the standby. */
export async function followPrimary(
  standby: PostgresServer,
  primary: PostgresServer,
  settings: Record<string, string> = {},
): Promise<void> {
  await standby.halt()
  await primary.halt()
  const kept = readFileSync(join(standby.dataDir, 'postgresql.auto.conf'), 'utf8')
  const { uid, gid } = statSync(standby.dataDir)
  for (const name of readdirSync(standby.dataDir)) rmSync(join(standby.dataDir, name), { recursive: true })
  cpSync(primary.dataDir, standby.dataDir, { recursive: true })
  const lines = Object.entries({
    primary_conninfo: `'host=127.0.0.1 port=${primary.port} user=postgres dbname=postgres'`,
    hot_standby_feedback: 'on',
    ...settings,
  }).map(([name, value]) => `${name} = ${value}\n`)
  writeFileSync(join(standby.dataDir, 'postgresql.auto.conf'), kept + lines.join(''))
  writeFileSync(join(standby.dataDir, 'standby.signal'), '')
  if (process.getuid?.() === 0) spawnSync('chown', ['-R', `${uid}:${gid}`, standby.dataDir])
  await primary.start()
  await standby.start()
}
