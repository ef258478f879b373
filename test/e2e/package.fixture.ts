import { execFileSync, spawnSync, type SpawnSyncReturns } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { folderWith, ROOT } from '../../src/cli/run-cli.fixture.ts'

const BIN = join(ROOT, 'node_modules', '.bin')
/** npm and npx on the checkout's own Node, whatever the machine's is. */
const PATH = `${BIN}${delimiter}${process.env.PATH ?? ''}`

/** A folder with the package as users get it, installed as they would: built, packed by npm, installed from the registry. */
export type Project = {
  folder: string
  /** What the tarball holds. */
  packed: readonly string[]
  npm(...args: string[]): SpawnSyncReturns<string>
  /** `npx millrace …`. */
  npx(args: readonly string[], env?: Record<string, string>): SpawnSyncReturns<string>
  /** The checkout's TypeScript on the project's files. */
  tsc(): SpawnSyncReturns<string>
  node(file: string, env?: Record<string, string>): SpawnSyncReturns<string>
}

export function installPackage(): Project {
  const stage = folderWith({})
  for (const name of ['package.json', 'README.md', 'LICENSE', 'CHANGELOG.md', 'docs'])
    if (existsSync(join(ROOT, name))) cpSync(join(ROOT, name), join(stage, name), { recursive: true })
  // What the build lacks to be free of errors is said by `npm run check`; here its output counts.
  spawnSync(
    process.execPath,
    [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.build.json', '--outDir', join(stage, 'dist')],
    {
      cwd: ROOT,
    },
  )
  const [tarball] = JSON.parse(execFileSync('npm', ['pack', '--json', '--silent'], { cwd: stage, encoding: 'utf8', env: environment() })) // npm's own form
  const folder = folderWith({ 'package.json': '{ "name": "empty", "private": true, "type": "module" }' })
  const project = projectIn(
    folder,
    tarball.files.map(({ path }: { path: string }) => path),
  )
  const installed = project.npm('install', join(stage, tarball.filename))
  if (installed.status !== 0) throw new Error(installed.stderr)
  return project
}

function projectIn(folder: string, packed: readonly string[]): Project {
  const run = (command: string, args: readonly string[], env: Record<string, string> = {}) =>
    spawnSync(command, args, { cwd: folder, encoding: 'utf8', env: { ...environment(), ...env } })
  return {
    folder,
    packed,
    npm: (...args) => run('npm', [...args, '--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error']),
    npx: (args, env) => run('npx', ['--no-install', 'millrace', ...args], env),
    tsc: () => run(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', folder]),
    node: (file, env) => run(process.execPath, [file], env),
  }
}

/** The first version that package.json of the checkout names: what users are told to install. */
export function versionOf(name: string): string {
  const { peerDependencies, devDependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) // our own
  return (peerDependencies[name] ?? devDependencies[name]) as string
}

/** Files of a guide's `ts` blocks, in order, as programs of the project. */
export function programsOf(guide: string): string[] {
  const text = readFileSync(join(ROOT, guide), 'utf8')
  return [...text.matchAll(/^```ts\n([\s\S]*?)^```/gm)].map(([, program = '']) => program)
}

export function writePrograms(folder: string, programs: readonly string[]): void {
  mkdirSync(folder, { recursive: true })
  programs.forEach((program, index) => writeFileSync(join(folder, `program-${index}.ts`), program))
  const strict = { strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true, skipLibCheck: false }
  const compilerOptions = { module: 'nodenext', target: 'es2023', noEmit: true, types: ['node'], erasableSyntaxOnly: true, ...strict }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['program-*.ts'] }))
}

function environment(): NodeJS.ProcessEnv {
  return { ...process.env, PATH, NO_COLOR: '1', LOG_LEVEL: '' }
}
