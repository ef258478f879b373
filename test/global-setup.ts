import { chmodSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sweepServers } from './servers.ts'

/** One folder for everything a run starts; whatever a crashed test left there is killed and removed at the end. */
export default function setup(): () => void {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-test-'))
  chmodSync(folder, 0o755)
  process.env.MILLRACE_TEST_DIR = folder
  return () => sweepServers(folder)
}
