/** `npm run new:sink NAME`: a folder in `src/sinks` that compiles and passes its conformance, as it is; its author changes it from there. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { newSinkFiles } from './new-sink-files.ts'

const root = join(import.meta.dirname, '..')
const [name = '', ...rest] = process.argv.slice(2)
const folder = `src/sinks/${name}`

if (rest.length > 0 || !/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(name))
  fail('Usage: npm run new:sink NAME, in small letters, digits and dashes: `redis`, `my-sink`.')
else if (existsSync(join(root, folder))) fail(`${folder} is there already.`)
else write(newSinkFiles(name))

function write(files: Record<string, string>): void {
  mkdirSync(join(root, folder), { recursive: true })
  for (const [file, text] of Object.entries(files)) writeFileSync(join(root, folder, file), text)
  process.stdout.write(`wrote ${Object.keys(files).length} files to ${folder}: a sink that appends messages to a file, at least once.

Next:
  npm run generate                  puts it into the registry and the reference
  npm test -- ${folder}   runs what every sink must do
  millrace run postgres://… ${name}:./messages.ndjson

Then make it yours: docs/guides/write-a-sink.md
`)
}

function fail(reason: string): void {
  process.stderr.write(`${reason}\n`)
  process.exitCode = 2
}
