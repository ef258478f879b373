import { note, type Writer } from './workload.ts'

/** What the tables became meanwhile. No name is ever used twice: a log that was written before says what it meant then. */
export type Shape = { columns: { table: string; name: string; type: string }[]; joined: string[]; made: number }

const MOST_COLUMNS = 6
const MOST_JOINED = 3

/** One transaction that changes a table's shape, and sometimes fills what it made. What it changed counts once it is committed, or else fails later. */
export async function reshape(writer: Writer): Promise<void> {
  const { random, shape } = writer
  const dice = random.next()
  if (dice < 0.2 && shape.joined.length < MOST_JOINED) return join(writer)
  if (dice < 0.5 && shape.columns.length < MOST_COLUMNS) return addColumn(writer)
  const at = random.below(Math.max(1, shape.columns.length))
  const column = shape.columns[at]
  if (column === undefined) return addColumn(writer)
  // Forgotten before it is known to have come about: what is forgotten is only left alone.
  shape.columns.splice(at, 1)
  if (dice < 0.65) return alter(writer, column.table, `DROP COLUMN ${column.name}`)
  if (dice < 0.8) {
    const name = `c${++shape.made}`
    await alter(writer, column.table, `RENAME COLUMN ${column.name} TO ${name}`)
    return void shape.columns.push({ ...column, name })
  }
  const type = column.type === 'int' ? 'bigint' : 'text'
  await alter(writer, column.table, `ALTER COLUMN ${column.name} TYPE ${type} USING ${column.name}::${type}`)
  await touch(writer, column.table)
  shape.columns.push({ ...column, type })
}

async function alter({ client }: Writer, table: string, what: string): Promise<void> {
  await client.query(`ALTER TABLE ${table} ${what}`)
}

async function addColumn(writer: Writer): Promise<void> {
  const { random, shape } = writer
  const table = random.pick(['items', 'pairs'])
  const name = `c${++shape.made}`
  const type = random.pick(['int', 'varchar(40)'])
  await alter(writer, table, `ADD COLUMN ${name} ${type}${random.chance(0.4) ? ` DEFAULT '${random.below(1000)}'` : ''}`)
  if (random.chance(0.6)) await touch(writer, table, `, ${name} = '${random.below(100)}'`)
  shape.columns.push({ table, name, type })
}

/** Some rows, also of other writers' keys. */
async function touch({ client, random, noted }: Writer, table: string, also = ''): Promise<void> {
  const key = table === 'items' ? 'id' : 'b'
  await note(client, noted, table, `UPDATE ${table} SET v = nextval('clock')${also} WHERE ${key} % 13 = ${random.below(13)}`)
}

async function join({ client, random, shape, noted, options }: Writer): Promise<void> {
  const name = `joined_${++shape.made}`
  await client.query(`CREATE TABLE ${name} (id int PRIMARY KEY, v bigint NOT NULL, note text DEFAULT 'here')`)
  await note(
    client,
    noted,
    name,
    `INSERT INTO ${name} (id, v) SELECT g, nextval('clock') FROM generate_series(1, ${1 + random.below(options.rows)}) g`,
  )
  shape.joined.push(name)
}
