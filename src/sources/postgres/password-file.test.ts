import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { findPassword, readPasswordFile } from './password-file.ts'

const login = { host: 'db.example.com', port: 5432, database: 'shop', user: 'ada' }

test.each<[string, string, string | null]>([
  ['fits whole', 'db.example.com:5432:shop:ada:secret', 'secret'],
  ['wildcards', '*:*:*:ada:secret', 'secret'],
  ['the first line that fits', 'other:*:*:*:no\n*:*:shop:*:yes\n*:*:*:*:late', 'yes'],
  ['comments and empty lines', '# db.example.com:5432:shop:ada:no\n\n*:*:*:*:yes', 'yes'],
  ['a colon and a backslash in a password', '*:*:*:*:a\\:b\\\\c', 'a:b\\c'],
  ['a colon that nobody escaped, at the end', '*:*:*:*:a:b', 'a:b'],
  ['escapes in a field', 'db.example.com:5432:sh\\op:ada:yes', 'yes'],
  ['Windows line ends', '*:*:*:*:yes\r\n', 'yes'],
  ['another port', '*:5433:*:*:no', null],
  ['another case', '*:*:Shop:*:no', null],
  ['too few fields', '*:*:*:no', null],
  ['a star within a field is a letter', '*.example.com:*:*:*:no', null],
  ['nothing', '', null],
])('%s', (_, text, password) => {
  expect(findPassword(text, login)).toBe(password)
})

test('a file that others may read is ignored, and it says so', () => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-pass-'))
  try {
    const path = join(folder, '.pgpass')
    expect(readPasswordFile(path, login)).toEqual({ password: null, ignored: null })
    writeFileSync(path, '*:*:*:*:secret\n', { mode: 0o600 })
    expect(readPasswordFile(path, login)).toEqual({ password: 'secret', ignored: null })
    chmodSync(path, 0o640)
    const open = readPasswordFile(path, login)
    expect(open.password).toBeNull()
    expect(open.ignored).toContain(`chmod 600 ${path}`)
    expect(readPasswordFile(folder, login).ignored).toContain('is not a plain file')
  } finally {
    rmSync(folder, { recursive: true })
  }
})
