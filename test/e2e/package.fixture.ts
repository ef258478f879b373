import { spawn } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { folderWith, ROOT } from '../../src/cli/run-cli.fixture.ts'

const BIN = join(ROOT, 'node_modules', '.bin')
const TSC = join(ROOT, 'node_modules/typescript/bin/tsc')
/** What is packed and what `prepack` builds it with: a copy, because others run the checkout's own `dist` meanwhile. */
const CHECKOUT = ['package.json', 'README.md', 'LICENSE', 'CHANGELOG.md', 'docs', 'src', 'scripts', 'tsconfig.json', 'tsconfig.build.json']
/** npm and npx on the checkout's own Node, whatever the machine's is. */
const PATH = `${BIN}${delimiter}${process.env.PATH ?? ''}`

export type Ended = { status: number | null; stdout: string; stderr: string }

/** A folder with the package as users get it, installed as they would: built, packed by npm, installed from the registry. */
export type Project = {
  folder: string
  /** What the tarball holds. */
  packed: readonly string[]
  npm(...args: string[]): Promise<Ended>
  /** `npx millrace …`. */
  npx(args: readonly string[], env?: Record<string, string>): Promise<Ended>
  /** The checkout's TypeScript on the project's files. */
  tsc(): Promise<Ended>
  node(file: string, env?: Record<string, string>): Promise<Ended>
}

export async function installPackage(): Promise<Project> {
  const stage = folderWith({})
  for (const name of CHECKOUT) cpSync(join(ROOT, name), join(stage, name), { recursive: true })
  symlinkSync(join(ROOT, 'node_modules'), join(stage, 'node_modules'))
  const packed = await run('npm', ['pack', '--json', '--silent'], { cwd: stage })
  if (packed.status !== 0) throw new Error(packed.stdout + packed.stderr)
  const [tarball] = JSON.parse(packed.stdout) as { filename: string; files: { path: string }[] }[] // npm's own form
  if (!tarball) throw new Error(packed.stderr)
  const folder = folderWith({ 'package.json': '{ "name": "empty", "private": true, "type": "module" }' })
  const project = projectIn(
    folder,
    tarball.files.map(({ path }) => path),
  )
  const installed = await project.npm('install', join(stage, tarball.filename))
  if (installed.status !== 0) throw new Error(installed.stderr)
  return project
}

function projectIn(folder: string, packed: readonly string[]): Project {
  return {
    folder,
    packed,
    npm: (...args) => run('npm', [...args, '--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error'], { cwd: folder }),
    npx: (args, env = {}) => run('npx', ['--no-install', 'millrace', ...args], { cwd: folder, env }),
    tsc: () => run(process.execPath, [TSC, '-p', folder], { cwd: folder }),
    node: (file, env = {}) => run(process.execPath, [file], { cwd: folder, env }),
  }
}

/** A child to its end. */
export function run(
  command: string,
  args: readonly string[],
  { cwd, env = {} }: { cwd: string; env?: Record<string, string> },
): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd,
      env: { ...process.env, PATH, NO_COLOR: '1', LOG_LEVEL: '', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const output = { stdout: '', stderr: '' }
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output.stdout += text))
    child.stderr.setEncoding('utf8').on('data', (text: string) => (output.stderr += text))
    child.on('error', reject)
    child.on('close', (status) => resolve({ status, ...output }))
  })
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
