import type { Archive, ArchiveFolder, Catalog, CatalogFile } from '../contracts/archive.ts'
import { toMillraceError } from '../errors/millrace-error.ts'
import { readCatalog } from './archive-catalog.ts'

/** What `snapshot verify --json` prints. */
export type ArchiveReport = { ok: boolean; archives: readonly VerifiedArchive[] }

export type VerifiedArchive = {
  path: string
  /** `schema.table`; null where there is no catalog that can be read. */
  source: string | null
  id: string | null
  rows: number
  files: number
  bytes: number
  findings: readonly ArchiveFinding[]
}

/** `file` is null where a finding is about the archive as a whole. */
export type ArchiveFinding = { file: string | null; finding: string }

/** Reads every archive under a path again, each part to its last byte, against its catalog. */
export async function verifyArchives(
  archive: Archive,
  signal: AbortSignal,
  report: (verified: VerifiedArchive) => void = () => {},
): Promise<ArchiveReport> {
  const archives: VerifiedArchive[] = []
  for await (const folder of archive.list(signal)) {
    const verified = await verifyFolder(archive, folder, signal)
    archives.push(verified)
    report(verified)
  }
  return { ok: archives.every(({ findings }) => findings.length === 0), archives }
}

async function verifyFolder(archive: Archive, folder: ArchiveFolder, signal: AbortSignal): Promise<VerifiedArchive> {
  const { path, catalog: text, files } = folder
  if (text === null) {
    const finding = 'there is no catalog.json: the snapshot was cut short, or is still being written'
    return { path, source: null, id: null, rows: 0, files: files.length, bytes: 0, findings: [{ file: null, finding }] }
  }
  const catalog = readCatalog(text)
  if (typeof catalog === 'string')
    return { path, source: null, id: null, rows: 0, files: files.length, bytes: 0, findings: [{ file: 'catalog.json', finding: catalog }] }
  const findings = [...judgeCatalog(catalog), ...compareNames(catalog, files)]
  for (const part of catalog.files)
    if (files.includes(part.name)) findings.push(...(await verifyPart(archive, { folder, catalog, part }, signal)))
  const bytes = catalog.files.reduce((sum, file) => sum + file.bytes, 0)
  return { path, source: catalog.source, id: catalog.id, rows: catalog.num_records_processed, files: catalog.files.length, bytes, findings }
}

/** What the catalog says of itself. */
function judgeCatalog(catalog: Catalog): ArchiveFinding[] {
  const findings: string[] = []
  if (!catalog.success)
    findings.push(
      `the snapshot failed: ${catalog.error ? `${catalog.error.message} [${catalog.error.code}]` : 'its catalog does not say why'}`,
    )
  const counted = catalog.num_source_records
  const processed = catalog.num_records_processed
  if (catalog.success && counted !== processed)
    findings.push(`the source counted ${counted ?? 'nothing'} rows, and ${processed} were archived`)
  const inFiles = catalog.files.reduce((sum, file) => sum + file.rows, 0)
  if (catalog.success && inFiles !== processed)
    findings.push(`its files should hold ${processed} rows, and hold ${inFiles} by its own list`)
  return findings.map((finding) => ({ file: null, finding }))
}

function compareNames(catalog: Catalog, present: readonly string[]): ArchiveFinding[] {
  const listed = new Set(catalog.files.map((file) => file.name))
  return [
    ...[...listed].filter((name) => !present.includes(name)).map((file) => ({ file, finding: 'is missing' })),
    ...present.filter((name) => !listed.has(name)).map((file) => ({ file, finding: 'is not in the catalog' })),
  ]
}

async function verifyPart(
  archive: Archive,
  { folder, catalog, part }: { folder: ArchiveFolder; catalog: Catalog; part: CatalogFile },
  signal: AbortSignal,
): Promise<ArchiveFinding[]> {
  const file = part.name
  try {
    const found = await archive.inspect(folder, file, signal)
    const findings: string[] = []
    if (found.bytes !== part.bytes) findings.push(`has ${found.bytes} bytes instead of ${part.bytes}`)
    if (found.sha256 !== part.sha256) findings.push(`has the SHA-256 ${found.sha256} instead of ${part.sha256}`)
    if (found.schema === null) findings.push(`cannot be read: ${found.reason}`)
    else {
      if (found.rows !== part.rows) findings.push(`holds ${found.rows} rows instead of ${part.rows}`)
      findings.push(
        ...compareSchemas(
          catalog.schema.map((column) => column.stored),
          found.schema,
        ),
      )
    }
    return findings.map((finding) => ({ file, finding }))
  } catch (error) {
    signal.throwIfAborted()
    return [{ file, finding: `cannot be read: ${toMillraceError(error).message}` }]
  }
}

function compareSchemas(expected: readonly string[], found: readonly string[]): string[] {
  const findings: string[] = []
  for (let at = 0; at < Math.max(expected.length, found.length); at++)
    if (expected[at] !== found[at])
      findings.push(`its column ${at + 1} is \`${found[at] ?? 'not there'}\`, by the catalog \`${expected[at] ?? 'not there'}\``)
  return findings
}
