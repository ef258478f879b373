import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { atRisk, hasTracer, trace, type Act } from './trace.ts'

const CHILD = fileURLToPath(new URL('../children/make-durable.ts', import.meta.url))

/** Shared memory of SQLite's readers: made anew from the log. A temporary name: the file has its own by then. */
const isNothing = (risk: string) => risk.endsWith('-shm') || (risk.startsWith('name of') && risk.includes('shop.lake/tmp/'))

test.skipIf(!hasTracer() && process.env.CI === undefined)(
  'file and folder are synced, in this order, before what says so is',
  { timeout: 120_000 },
  () => {
    const base = mkdtempSync(join(tmpdir(), 'millrace-syscalls-'))
    const acts = trace([CHILD, base], base)
    rmSync(base, { recursive: true })
    const risksBefore = (index: number, of = '') => atRisk(acts.slice(0, index)).filter((risk) => risk.includes(of) && !isNothing(risk))
    const places = (isMeant: (act: Act) => boolean) => acts.flatMap((act, index) => (isMeant(act) ? [index] : []))

    const commits = places(({ act, path }) => act === 'sync' && path.endsWith('shop.db-wal'))
    expect(commits.length).toBeGreaterThan(3)
    // A record is written only when nothing that it may speak of is at risk: no bytes, no name, of no folder above.
    for (const at of commits) for (const place of ['out', 'lake']) expect(risksBefore(at, join(base, place))).toEqual([])
    // And is itself durable, with its name, when the commit returns: synchronous = FULL.
    expect(risksBefore(acts.length)).toEqual([])

    const links = places(({ act }) => act === 'link')
    expect(links).toHaveLength(1)
    for (const at of links) expect(risksBefore(at, `bytes of ${base}/lake`)).toEqual([])
  },
)
