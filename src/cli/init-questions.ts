import { checkbox, password, select } from '@inquirer/prompts'
import type { SourceSketch } from '../contracts/definition.ts'
import { sizeWords, type Choices, type SinkChoice } from './init-text.ts'

/** Hidden while it is typed, as it may hold a password. */
export function askUrl(): Promise<string> {
  return password({ message: 'URL of the database (postgres://user:password@host/database)', mask: '•' })
}

/** Two questions: which tables, and where to. Enter takes what is proposed. */
export async function ask(standard: Choices, { sketch, sinks }: { sketch: SourceSketch; sinks: readonly SinkChoice[] }): Promise<Choices> {
  const tables = await askTables(standard, sketch)
  if (sinks.length === 0) return { ...standard, tables }
  const sink = await select({
    message: 'Where should the data go?',
    default: standard.sink,
    choices: sinks.map(({ type, summary }) => ({ value: type, name: type, description: summary })),
  })
  return { ...standard, tables, sink }
}

async function askTables({ tables }: Choices, sketch: SourceSketch): Promise<readonly string[]> {
  const refused = sketch.tables.length - tables.length
  const except = refused > 0 ? ` (all but ${refused} that cannot be followed yet)` : ''
  const all = await select({
    message: `Which tables of ${sketch.database}?`,
    choices: [
      { value: true, name: `All ${tables.length}${except}, and those made later` },
      { value: false, name: 'Let me choose' },
    ],
  })
  if (all) return tables
  return checkbox({
    message: 'Tables',
    required: true,
    pageSize: 15,
    choices: sketch.tables.map(({ name, rows, bytes, problem }) => ({
      value: name,
      name: `${name}  ${sizeWords(rows, bytes)}`,
      disabled: problem === null ? false : '(no key; see the file)',
    })),
  })
}
