import type { Table } from '../../contracts/table.ts'
import { quoted } from '../../messages/json/json-text.ts'

/** `"spec":{"columns":[{"key":true,"name":"id","type":20,"modifier":-1},…]}`: types and modifiers are Postgres' numbers. */
export function specText({ columns, key }: Table): string {
  const texts = columns.map(
    ({ name, typeOid, typeModifier }, index) =>
      `{"key":${key.includes(index)},"name":${quoted(name)},"type":${typeOid},"modifier":${typeModifier}}`,
  )
  return `"spec":{"columns":[${texts.join(',')}]}`
}
