import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import { MillraceError } from '../../errors/millrace-error.ts'
import { readConnectionText } from './connection-text.ts'

const read = (text: string) => Object.fromEntries(readConnectionText(text))

describe('a connection string', () => {
  test.each<[string, Record<string, string>]>([
    ['postgres://', {}],
    ['postgresql:///shop', { dbname: 'shop' }],
    ['POSTGRES://ada@db/shop', { user: 'ada', host: 'db', dbname: 'shop' }],
    ['postgres://ada:p%40ss%2F@db:5433/shop', { user: 'ada', password: 'p@ss/', host: 'db', port: '5433', dbname: 'shop' }],
    ['postgres://ada:p#ss:w@rd@db/shop', { user: 'ada', password: 'p#ss:w@rd', host: 'db', dbname: 'shop' }],
    ['postgres://:5433/', { port: '5433' }],
    ['postgres://ada@/shop', { user: 'ada', dbname: 'shop' }],
    ['postgres://a:5432,b:5433,c/shop', { host: 'a,b,c', port: '5432,5433,', dbname: 'shop' }],
    ['postgres://a,b/shop', { host: 'a,b', dbname: 'shop' }],
    ['postgres://[::1]:5433,[fe80::1]/', { host: '::1,fe80::1', port: '5433,' }],
    ['postgres://%2Fvar%2Frun/shop', { host: '/var/run', dbname: 'shop' }],
    ['postgres:///shop?host=/var/run&port=5433', { host: '/var/run', port: '5433', dbname: 'shop' }],
    ['postgres://localhost/shop?host=/cloudsql/a:b:c', { host: '/cloudsql/a:b:c', dbname: 'shop' }],
    ['postgres://db/?options=-c%20x%3D1+2&sslmode=require', { host: 'db', options: '-c x=1+2', sslmode: 'require' }],
    ['postgres://db/?ssl=true', { host: 'db', sslmode: 'require' }],
    ['host=db dbname=shop', { host: 'db', dbname: 'shop' }],
    [" host = db  password='it\\'s \\\\ mine' user=ada", { host: 'db', password: "it's \\ mine", user: 'ada' }],
    ["password='' dbname=a\\ b host=", { password: '', dbname: 'a b', host: '' }],
  ])('%s', (text, parameters) => {
    expect(read(text)).toEqual(parameters)
  })

  test.each([
    'mysql://ada:hunter2@db/shop',
    'ada:hunter2@db',
    'postgres://ada:hunter2/x@db/shop',
    'postgres://ada:hunter2?x=y@db/shop',
    'postgres://ada:hunter2%zz@db/shop',
    'postgres://ada:hunter2@db:54x2/shop',
    'postgres://ada:hunter2@::1/shop',
    'postgres://ada:hunter2@db/shop?ssl=maybe',
    'postgres://ada:hunter2@db/shop?sslmode',
    "host=db password='hunter2",
    "host=db password=hunter2 and more'",
    'host=db password=hunter2 x',
  ])('refuses %s and repeats none of it', (text) => {
    let error: unknown
    try {
      readConnectionText(text)
    } catch (thrown) {
      error = thrown
    }
    expect(error).toBeInstanceOf(MillraceError)
    expect(error).toMatchObject({ code: 'SOURCE_URL_INVALID' })
    expect(inspect(error, { depth: 9 })).not.toContain('hunter2')
  })
})
