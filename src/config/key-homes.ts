import type { JsonSchema } from './describe-schema.ts'
import { configJsonSchema } from './json-schema.ts'
import type { Mistake } from './mistake.ts'

/** Says of a key that was written in the wrong place where it belongs: `tables` beside `source` rather than in it. */
export async function nameHomes(mistakes: readonly Mistake[]): Promise<readonly Mistake[]> {
  if (!mistakes.some(({ isUnknownKey }) => isUnknownKey)) return mistakes
  const homes = homesOf(await configJsonSchema())
  return mistakes.map((each) => {
    const home = each.isUnknownKey ? homes.get(String(each.path.at(-1))) : undefined
    return home === undefined ? each : { ...each, message: `is not known here; it belongs ${home}`, nearest: null }
  })
}

/** The first that has it, from the outside in. */
function homesOf(schema: JsonSchema): ReadonlyMap<string, string> {
  const homes = new Map<string, string>()
  const note = (properties: JsonSchema['properties'], home: string) => {
    for (const key of Object.keys(properties ?? {})) if (!homes.has(key) && key !== 'type') homes.set(key, home)
  }
  note(schema.properties, 'to the outermost level')
  for (const [key, part] of Object.entries(schema.properties ?? {})) {
    for (const choice of [part, ...(part.oneOf ?? [])]) note(choice.properties, `into ${key}`)
    for (const choice of part.items?.oneOf ?? []) note(choice.properties, `into one of ${key}`)
  }
  return homes
}
