import { resolve } from 'node:path'
import type { Archive } from '../contracts/archive.ts'
import type { SinkDefinition } from '../contracts/definition.ts'
import { verifyArchives, type ArchiveReport, type VerifiedArchive } from '../core/archive-verify.ts'
import { MillraceError } from '../errors/millrace-error.ts'
import { redactUrls } from '../lib/redact-urls.ts'
import { formatBytes, formatCount } from '../lib/units.ts'
import { SINKS } from '../registry.ts'
import { chosenConfig } from './chosen-config.ts'
import { printJson, printLine } from './pipeline-parts.ts'
import { openTerminal, type LogOptions } from './terminal.ts'

type VerifyOptions = LogOptions & { config?: string; sink?: readonly string[]; json?: boolean }

/** Reads every archive under a path again, against its catalog. Exit code 1 where anything is amiss. */
export async function verifySnapshot(path: string | undefined, options: VerifyOptions): Promise<number> {
  const { log } = await openTerminal(options)
  const { definition, config, baseDir, name } = await choosePlace(path, options)
  await using archive: Archive = await definition.openArchive!(config, { baseDir, name, log }) // choosePlace chose one that has it
  const signal = new AbortController().signal
  const report = await verifyArchives(archive, signal, options.json ? undefined : printArchive)
  if (report.archives.length === 0) throw new MillraceError('ARCHIVE_NOT_FOUND', { path: redactUrls(path ?? name) })
  if (options.json) printJson(report)
  else printEnd(report)
  return report.ok ? 0 : 1
}

type Place = { definition: SinkDefinition; config: unknown; baseDir: string; name: string }

/** A path alone; or a sink of a configuration, whose credentials and address are used, with its own path or this one. */
async function choosePlace(path: string | undefined, options: VerifyOptions): Promise<Place> {
  const baseDir = process.cwd()
  if (options.config !== undefined) {
    const config = await chosenConfig({ config: options.config, ...(options.sink ? { sink: options.sink } : {}) }, 'snapshot')
    const [sink, ...others] = config.sinks.filter((each) => each.definition.openArchive)
    if (sink === undefined || others.length > 0)
      throw new MillraceError('CLI_USAGE', {
        reason: 'Name one sink of the configuration that takes archives, by --sink.',
        command: 'snapshot verify',
      })
    if (path === undefined) return { ...sink, baseDir: config.baseDir }
    return { ...sink, baseDir, config: { ...(sink.config as object), ...(sink.definition.fromUrl(path, sink.type) as object) } } // both are configurations
  }
  if (path === undefined)
    throw new MillraceError('CLI_USAGE', { reason: 'Name a path, or a configuration by -c.', command: 'snapshot verify' })
  for (const load of Object.values(SINKS)) {
    const definition = await load()
    if (!definition.openArchive) continue
    const place = path.includes('://') ? path : resolve(path)
    return { definition, config: definition.config.parse(definition.fromUrl(place, definition.type)), baseDir, name: definition.type }
  }
  throw new MillraceError('BUG', { reason: 'no sink takes archives' })
}

function printArchive({ path, source, rows, files, bytes, findings }: VerifiedArchive): void {
  const what = `${source ?? '(no catalog)'}  ${path}`
  if (findings.length === 0)
    return printLine(`OK     ${what}  ${formatCount(rows)} rows, ${formatBytes(bytes)} in ${files} ${files === 1 ? 'part' : 'parts'}`)
  printLine(`WRONG  ${what}`)
  for (const { file, finding } of findings) printLine(`         ${file === null ? '' : `${file} `}${finding}`)
}

function printEnd({ ok, archives }: ArchiveReport): void {
  const wrong = archives.filter(({ findings }) => findings.length > 0)
  const count = `${archives.length} ${archives.length === 1 ? 'archive' : 'archives'}`
  printLine(ok ? `verified: ${count}, as their catalogs say` : `WRONG: ${wrong.length} of ${count}`)
}
