/**
 * Java for those servers of the tests that are Java programs: a JDK and Maven, found on the machine, or from its packages: installed by
 * root, unpacked by anybody else. And what a pom names, fetched once.
 */
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { installOnce, runTool } from './install-once.ts'
import { unpackJava } from './unpack-java.ts'

/** `java` runs programs, a source file too; `env` is what it and Maven are started with. */
export type Java = { java: string; env: NodeJS.ProcessEnv }

const OLDEST_JAVA = 17
const PACKAGES = ['default-jdk-headless', 'maven']
const COPY = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies'

let found: Promise<Java> | undefined

/** Looked for once a process. Throws with what is missing where it cannot be had. */
export function findJava(): Promise<Java> {
  found ??= findOrInstall()
  return found
}

/**
 * The class path of everything that the pom at `pomFile` names, for `java -cp`. Half a minute, the first time on a machine; a changed
 * pom is a new one.
 */
export async function classPathOf(pomFile: string): Promise<string> {
  const pom = readFileSync(pomFile)
  const name = `java-${createHash('sha256').update(pom).digest('hex').slice(0, 16)}`
  const { env } = await findJava()
  const folder = await installOnce(name, async (path, draft) => {
    mkdirSync(path)
    // A repository of its own: two Mavens that write into the user's at once may read each other's half-written files.
    const repository = `-Dmaven.repo.local=${join(draft, 'repository')}`
    await runTool('mvn', ['-B', '-q', '-f', pomFile, repository, COPY, '-DincludeScope=runtime', `-DoutputDirectory=${path}`], env)
  })
  return join(folder, '*')
}

async function findOrInstall(): Promise<Java> {
  const home = process.env.JAVA_HOME
  const places = home === undefined ? [{}] : [{ PATH: `${join(home, 'bin')}${delimiter}${process.env.PATH ?? ''}` }, {}]
  for (const env of places) if (await isEnough(env)) return { java: 'java', env }
  const env = process.getuid?.() === 0 ? await installPackages() : await unpackJava(PACKAGES)
  if (!(await isEnough(env))) throw new Error(`the packages ${PACKAGES.join(' and ')} hold no Java ${OLDEST_JAVA} with Maven`)
  return { java: 'java', env }
}

/** Whether there are a compiler, which comes with a JDK alone, and Maven. */
async function isEnough(env: NodeJS.ProcessEnv): Promise<boolean> {
  const [javac, maven] = await Promise.all(['javac', 'mvn'].map((command) => runTool(command, ['-version'], env).catch(() => '')))
  const major = /javac (\d+)/.exec(javac ?? '')?.[1]
  return major !== undefined && Number(major) >= OLDEST_JAVA && maven !== ''
}

/** Of two that install at once one waits for the other, and then finds everything there. */
async function installPackages(): Promise<NodeJS.ProcessEnv> {
  const lock = join(tmpdir(), 'millrace-test-apt.lock')
  const install = `apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends ${PACKAGES.join(' ')}`
  await runTool('flock', [lock, 'sh', '-c', install])
  return {}
}
