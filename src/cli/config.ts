import { stringify } from 'yaml'
import { configJsonSchema } from '../config/json-schema.ts'
import { chosenConfig } from './chosen-config.ts'

/** `config schema`: the JSON Schema. `config print`: what is in effect, secrets hidden. `config validate`: an offline check. */
export async function config(what: 'schema' | 'print' | 'validate', options: { config?: string; json?: boolean }): Promise<number> {
  if (what === 'schema') return print(JSON.stringify(await configJsonSchema(), null, 2))
  const chosen = await chosenConfig(options, 'config')
  if (what === 'print') return print(options.json ? JSON.stringify(chosen.shown, null, 2) : stringify(chosen.shown).trimEnd())
  return print(`The configuration ${chosen.name} is valid: ${chosen.source.type} to ${chosen.sinks.map((sink) => sink.name).join(', ')}.`)
}

function print(text: string): number {
  process.stdout.write(`${text}\n`)
  return 0
}
