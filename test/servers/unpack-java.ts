/** A JDK and Maven in a folder of one's own, for users who may not install packages: the system's own packages, unpacked there. */
import { existsSync, mkdirSync, readdirSync, readlinkSync, renameSync, rmSync, symlinkSync } from 'node:fs'
import { delimiter, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { installOnce, runTool } from './install-once.ts'

/** What there is to unpack: Java, Maven, and libraries in Java. */
const WANTED = /^(openjdk|default-j|maven|lib[^_]*-java_)/
const TRUST = fileURLToPath(new URL('java/TrustSystem.java', import.meta.url))
/** Where Debian and its kin keep what they trust. */
const BUNDLE = '/etc/ssl/certs/ca-certificates.crt'

/** The environment in which `java`, `javac` and `mvn` are found. Throws with what apt said where it cannot be had. */
export async function unpackJava(packages: readonly string[]): Promise<NodeJS.ProcessEnv> {
  const root = await installOnce('jdk-and-maven', async (path, folder) => {
    for (const deb of await download(packages, folder)) await runTool('dpkg-deb', ['-x', deb, path])
    relink(path, path)
    const java = join(javaHome(path), 'bin', 'java')
    const store = join(path, 'cacerts')
    await runTool(java, [TRUST, BUNDLE, store])
    const own = join(javaHome(path), 'lib', 'security', 'cacerts')
    rmSync(own, { force: true })
    renameSync(store, own)
  })
  const home = javaHome(root)
  return { JAVA_HOME: home, PATH: [join(home, 'bin'), join(root, 'usr', 'share', 'maven', 'bin'), process.env.PATH].join(delimiter) }
}

/** The files of the packages and of all that they need, as if nothing were installed: what lies in the system is not where they look for it. */
async function download(packages: readonly string[], folder: string): Promise<string[]> {
  const archives = join(folder, 'cache', 'archives')
  for (const each of [join(archives, 'partial'), join(folder, 'lists', 'partial')]) mkdirSync(each, { recursive: true })
  const places = { 'Dir::State::status': '/dev/null', 'Dir::State::lists': join(folder, 'lists'), 'Dir::Cache': join(folder, 'cache') }
  const own = Object.entries({ ...places, 'Debug::NoLocking': '1' }).flatMap(([name, value]) => ['-o', `${name}=${value}`])
  await runTool('apt-get', ['update', '-q', ...own])
  await runTool('apt-get', ['install', '-q', '-y', '--download-only', '--no-install-recommends', ...own, ...packages])
  return readdirSync(archives)
    .filter((name) => WANTED.test(name))
    .map((name) => join(archives, name))
}

/** Links to places in the system lead to the same places under `root`, wherever that is moved. */
function relink(folder: string, root: string): void {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) relink(path, root)
    if (!entry.isSymbolicLink() || !readlinkSync(path).startsWith('/')) continue
    const target = relative(folder, join(root, readlinkSync(path)))
    rmSync(path)
    symlinkSync(target, path)
  }
}

function javaHome(root: string): string {
  const machines = join(root, 'usr', 'lib', 'jvm')
  const name = readdirSync(machines).find((each) => existsSync(join(machines, each, 'bin', 'javac')))
  if (name === undefined) throw new Error('what was unpacked holds no Java compiler')
  return join(machines, name)
}
