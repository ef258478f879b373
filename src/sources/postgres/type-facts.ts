import type { PgTypeFacts } from '../../codecs/pg-types/type-of.ts'

/** Finds a type by its number; null where the server does not know it any more. */
export type TypeResolver = (oid: number, modifier: number) => PgTypeFacts | null

type Raw = {
  name: string
  schema: string
  typtype: PgTypeFacts['typtype']
  delimiter: string
  typtypmod: number
  element: number | null
  base: number | null
  extension: string | null
  labels: readonly string[] | null
  fields: readonly [name: string, oid: string, modifier: string][] | null
}

/** The rows of typeClosureSql as a resolver. A composite may hold arrays of itself through a domain: depth is bounded. */
export function createTypeResolver(rows: readonly (readonly (string | null)[])[]): TypeResolver {
  const byOid = new Map(rows.map((row) => [Number(row[0]), rawType(row)]))
  const resolve = (oid: number, modifier: number, depth = 0): PgTypeFacts | null => {
    const raw = byOid.get(oid)
    if (!raw || depth > 20) return null
    const part = (id: number | null, typmod: number) => (id === null ? null : resolve(id, typmod, depth + 1))
    return {
      oid,
      modifier,
      name: raw.name,
      schema: raw.schema,
      typtype: raw.typtype,
      extension: raw.extension,
      element: part(raw.element, modifier),
      delimiter: raw.delimiter,
      base: part(raw.base, raw.typtypmod),
      labels: raw.labels,
      fields:
        raw.fields?.flatMap(([name, id, typmod]) => {
          const type = part(Number(id), Number(typmod))
          return type ? [{ name, type }] : []
        }) ?? null,
    }
  }
  return (oid, modifier) => resolve(oid, modifier)
}

/** What a column says of a domain's base: nothing where it is no domain, or the base has no modifier. */
export function baseModifierOf(facts: PgTypeFacts | null): { baseModifier?: number } {
  let base = facts?.typtype === 'd' ? facts.base : null
  while (base && base.modifier < 0 && base.typtype === 'd') base = base.base
  return base && base.modifier >= 0 ? { baseModifier: base.modifier } : {}
}

function rawType(row: readonly (string | null)[]): Raw {
  const [, name, schema, typtype, delimiter, typtypmod, element, base, extension, labels, fields] = row
  return {
    name: name ?? '',
    schema: schema ?? '',
    typtype: (typtype ?? 'b') as Raw['typtype'], // pg_type's own check holds it to these letters
    delimiter: delimiter ?? ',',
    typtypmod: Number(typtypmod),
    element: element ? Number(element) : null,
    base: base ? Number(base) : null,
    extension: extension ?? null,
    labels: labels ? (JSON.parse(labels) as string[]) : null,
    fields: fields ? (JSON.parse(fields) as [string, string, string][]) : null,
  }
}
