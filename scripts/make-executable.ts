import { chmodSync } from 'node:fs'
import { join } from 'node:path'

/** tsc does not carry the executable bit; npm sets it on install only. */
for (const name of ['millrace.js', 'main.js']) chmodSync(join(import.meta.dirname, '..', 'dist', 'cli', name), 0o755)
