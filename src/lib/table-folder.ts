import { createHash } from 'node:crypto'

/** File systems allow 255 bytes; a longer name keeps its beginning and ends in a hash. */
const LONGEST = 240

/**
 * `schema.table` as one folder name, different for different tables. What a path or a file system gives a meaning is
 * written `%XX`, and so are dots and percent signs inside a name: the one dot left parts schema from table.
 */
export function tableFolder({ schema, name }: { schema: string; name: string }): string {
  const folder = `${escaped(schema)}.${escaped(name)}`
  if (Buffer.byteLength(folder) <= LONGEST) return folder
  const hash = createHash('sha256').update(folder).digest('hex').slice(0, 32)
  return `${Buffer.from(folder)
    .subarray(0, 150)
    .toString()
    .replace(/\uFFFD+$/, '')}%${hash}`
}

const UNSAFE = /[\u0000-\u001f\u007f/\\%.<>:"|?*]/g

function escaped(name: string): string {
  return name.replace(UNSAFE, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`)
}
