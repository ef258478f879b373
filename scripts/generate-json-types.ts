import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const REPORTS = [
  { title: 'run --json', path: 'src/cli/summary-text.ts', types: ['RunReport'] },
  { title: '', path: 'src/core/pipeline.ts', types: ['PipelineSummary'] },
  { title: '', path: 'src/core/followed.ts', types: ['Operations'] },
  { title: '', path: 'src/cli/sink-places.ts', types: ['SinkPlace'] },
  { title: 'status --json', path: 'src/cli/status-report.ts', types: ['StatusReport', 'SourceStatus', 'SinkStatus', 'TableStatus'] },
  { title: '', path: 'src/config/note-phase.ts', types: ['Phase'] },
  { title: '', path: 'src/contracts/source.ts', types: ['LogHealth'] },
  { title: 'check --json', path: 'src/cli/check.ts', types: ['CheckReport'] },
  { title: '', path: 'src/contracts/definition.ts', types: ['Finding'] },
  { title: 'config validate --json', path: 'src/cli/config.ts', types: ['ConfigReport'] },
  { title: '', path: 'src/errors/config-finding.ts', types: ['ConfigFinding'] },
  { title: 'verify --json', path: 'src/cli/verify-sinks.ts', types: ['VerifyReport'] },
  { title: '', path: 'src/core/verify.ts', types: ['TableVerdict'] },
  { title: '', path: 'src/core/verify-options.ts', types: ['Difference'] },
  { title: 'dlq --json', path: 'src/cli/dlq.ts', types: ['DeadLetterReport'] },
  { title: '', path: 'src/contracts/dead-letters.ts', types: ['DeadLetter'] },
  { title: 'snapshot --json', path: 'src/cli/snapshot.ts', types: ['SnapshotReport'] },
  { title: '', path: 'src/core/archive.ts', types: ['ArchiveSummary'] },
  { title: '', path: 'src/core/archive-table.ts', types: ['ArchivedTable'] },
  { title: 'catalog.json', path: 'src/contracts/archive.ts', types: ['Catalog', 'CatalogColumn', 'CatalogFile'] },
  { title: 'snapshot verify --json', path: 'src/core/archive-verify.ts', types: ['ArchiveReport', 'VerifiedArchive', 'ArchiveFinding'] },
  { title: 'errors with --log json', path: 'src/cli/error-text.ts', types: ['ErrorReport'] },
]

/** The fields of what `--json` prints: the declarations that the code itself is checked against. */
export function jsonTypesText(): string {
  const sections = REPORTS.map(({ title, path, types }) => {
    const text = readFileSync(join(import.meta.dirname, '..', path), 'utf8')
    const declarations = types.map((type) => declaration(text, type)).join('\n\n')
    return `${title && `## ${title}\n\n`}\`\`\`ts\n${declarations}\n\`\`\`\n`
  })
  return `# What \`--json\` prints\n\nEach command prints one object.\n\n${sections.join('\n')}`
}

/** `export type NAME = …` with the comment above it, up to the line that ends it. */
function declaration(text: string, name: string): string {
  const match = new RegExp(
    `((?:^/\\*\\*(?:(?!\\*/)[\\s\\S])*\\*/\\n)?)^export (type ${name} =(?: \\{\\n[\\s\\S]*?^\\}|(?:\\n  \\| [^\\n]*)+| [^\\n]*))`,
    'm',
  ).exec(text)
  if (!match) throw new Error(`There is no type ${name}`)
  return `${match[1]}${match[2]}`
}
