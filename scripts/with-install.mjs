// Runs a program of this checkout with everything it needs: installs what the lockfile names and is not there,
// builds what is stale, then starts it under the checkout's own Node. Plain JavaScript that Node 18 and later parse,
// because the machine's own Node runs it first.
//
//   node scripts/with-install.mjs [--build] FILE-OR-BIN [ARGUMENTS…]
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { createHash } from 'node:crypto'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const bin = join(root, 'node_modules', '.bin')
const environment = { ...process.env, PATH: bin + delimiter + (process.env.PATH ?? '') }

const args = process.argv.slice(2)
const build = args[0] === '--build'
if (build) args.shift()

install()
if (build) emit()
const [program, ...rest] = args
const child = /\.(ts|mjs|js)$/.test(program)
  ? spawn(join(bin, 'node'), [program, ...rest], { cwd: root, env: environment, stdio: 'inherit' })
  : spawn(join(bin, 'node'), [realBin(program), ...rest], { cwd: root, env: environment, stdio: 'inherit' })
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal))
child.on('exit', (code, signal) => process.exit(signal ? 1 : (code ?? 1)))

/** `npm ci`, unless the lockfile is the one that was installed last and Node is there. */
function install() {
  const stamp = join(root, 'node_modules', '.installed')
  const wanted = hash([join(root, 'package-lock.json')])
  if (existsSync(join(bin, 'node')) && existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return
  process.stderr.write('Installing packages (npm ci) …\n')
  run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'])
  writeFileSync(stamp, wanted)
}

/** `npm run build`, unless dist was made from these very sources. */
function emit() {
  const stamp = join(root, 'dist', '.built')
  const wanted = hash(sources(join(root, 'src')).concat(join(root, 'tsconfig.build.json'), join(root, 'package.json')))
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return
  process.stderr.write('Building …\n')
  run('npm', ['run', '--silent', 'build'])
  writeFileSync(stamp, wanted)
}

function run(command, commandArgs) {
  const done = spawnSync(command, commandArgs, { cwd: root, env: environment, stdio: ['ignore', 2, 2] })
  if (done.status !== 0) process.exit(done.status ?? 1)
}

function realBin(name) {
  const packageFile = JSON.parse(readFileSync(join(root, 'node_modules', name, 'package.json'), 'utf8'))
  const entry = typeof packageFile.bin === 'string' ? packageFile.bin : packageFile.bin[name]
  return join(root, 'node_modules', name, entry)
}

function hash(files) {
  const sum = createHash('sha256')
  for (const file of files.sort()) sum.update(file.slice(root.length)).update('\0').update(readFileSync(file))
  return sum.digest('hex')
}

function sources(folder) {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name)
    return statSync(path).isDirectory() ? sources(path) : path.endsWith('.ts') ? [path] : []
  })
}
