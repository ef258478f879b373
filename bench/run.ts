/**
 * `npm run bench [-- SCENARIO…] [--size 0.1]`: prints each figure as a ratio to a limit measured in the same run.
 * Needs psql and pg_recvlogical on the path (Debian: postgresql-client).
 */
import { spawnSync } from 'node:child_process'
import { parseArgs } from 'node:util'
import { startPostgres } from '../test/servers.ts'
import { SCENARIOS } from './scenarios.ts'

const { values, positionals } = parseArgs({ allowPositionals: true, options: { size: { type: 'string', default: '1' } } })
for (const tool of ['psql', 'pg_recvlogical']) {
  if (spawnSync(tool, ['--version']).status === 0) continue
  process.stderr.write(`${tool} is not on the path: install Postgres' client programs to measure the limits.\n`)
  process.exit(2)
}
const unknown = positionals.filter((name) => !SCENARIOS.some((scenario) => scenario.name === name))
if (unknown.length > 0) {
  process.stderr.write(`No such benchmark: ${unknown.join(', ')}. There are ${SCENARIOS.map((scenario) => scenario.name).join(', ')}.\n`)
  process.exit(2)
}
for (const scenario of SCENARIOS) {
  if (positionals.length > 0 && !positionals.includes(scenario.name)) continue
  await using server = await startPostgres(15, {
    shared_buffers: '512MB',
    max_wal_size: '8GB',
    checkpoint_timeout: '30min',
    autovacuum: 'off',
  })
  process.stdout.write(`${scenario.name}: ${scenario.about}\n`)
  for (const figure of await scenario.measure(server, Number(values.size))) {
    const verdict = figure.met === null ? '' : `   ${figure.target}  ${figure.met ? 'met' : 'MISSED'}`
    process.stdout.write(`  ${figure.name.padEnd(24)}${figure.value.toFixed(2).padStart(10)} ${figure.unit}${verdict}\n`)
  }
}
process.exit(0)
