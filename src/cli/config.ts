import { stringify } from 'yaml'
import { configJsonSchema } from '../config/json-schema.ts'
import type { ConfigFinding } from '../errors/config-finding.ts'
import { toMillraceError } from '../errors/millrace-error.ts'
import { chosenConfig } from './chosen-config.ts'
import { printJson } from './pipeline-parts.ts'

/** What `config validate --json` prints. `name` is null where the configuration is not valid. */
export type ConfigReport = { ok: boolean; name: string | null; error: string | null; findings: readonly ConfigFinding[] }

/** `config schema`: the JSON Schema. `config print`: what is in effect, secrets hidden. `config validate`: an offline check. */
export async function config(what: 'schema' | 'print' | 'validate', options: { config?: string; json?: boolean }): Promise<number> {
  if (what === 'schema') return print(JSON.stringify(await configJsonSchema(), null, 2))
  if (what === 'validate') return options.json ? validateAsJson(options) : validate(options)
  const chosen = await chosenConfig(options, 'config')
  return print(options.json ? JSON.stringify(chosen.shown, null, 2) : stringify(chosen.shown).trimEnd())
}

async function validate(options: { config?: string }): Promise<number> {
  const { name, source, sinks } = await chosenConfig({ ...options, folders: 'must exist' }, 'config')
  return print(`The configuration ${name} is valid: ${source.type} to ${sinks.map((sink) => sink.name).join(', ')}.`)
}

async function validateAsJson(options: { config?: string }): Promise<number> {
  try {
    const { name } = await chosenConfig({ ...options, folders: 'must exist' }, 'config')
    printJson({ ok: true, name, error: null, findings: [] } satisfies ConfigReport)
    return 0
  } catch (error) {
    const { code, findings, kind } = toMillraceError(error)
    if (kind !== 'config' || code === 'CLI_USAGE') throw error
    printJson({ ok: false, name: null, error: code, findings } satisfies ConfigReport)
    return 2
  }
}

function print(text: string): number {
  process.stdout.write(`${text}\n`)
  return 0
}
