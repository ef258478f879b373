import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { FORMATS } from '../registry.ts'
import { insertOf, transactionOf, userRow, usersTable } from '../testing/fixtures.ts'
import { createFormat } from './create-format.ts'

const root = join(import.meta.dirname, '../..')
const [change] = transactionOf(1, [insertOf(usersTable(), userRow(1))])

test.each(Object.keys(FORMATS))('%s is usable by itself, without options', async (type) => {
  const [message] = (await createFormat(type)).change(change!)
  expect(JSON.parse(message?.value ?? '')).toBeTypeOf('object')
})

test('the name of a pipeline goes along', async () => {
  const [message] = (await createFormat('cloudevents', {}, { pipeline: 'shop' })).change(change!)
  expect(message?.value).toContain('"source":"/millrace/shop"')
})

test('a wrong type and wrong options are told as in a configuration, all at once', async () => {
  await expect(createFormat('cloudevent')).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    findings: [{ path: 'type', nearest: 'cloudevents' }],
  })
  await expect(createFormat('cloudevents', { mod: 'binary', subject: '${tabel}' })).rejects.toMatchObject({
    findings: [{ message: expect.stringContaining('did you mean ${table}?') }, { path: 'mod', nearest: 'mode' }],
  })
})

test('the guide’s program prints what a format makes of a change', () => {
  const guide = readFileSync(join(root, 'docs/guides/library.md'), 'utf8')
  const [program = ''] = [...guide.matchAll(/```ts\n([\s\S]*?)```/g)]
    .map(([, text = '']) => text)
    .filter((text) => text.includes('createFormat'))
  const input = program.replace("'millrace'", `'${join(root, 'src/index.ts')}'`)
  const ran = spawnSync(process.execPath, ['--no-warnings', '--input-type=module-typescript', '-'], { input, encoding: 'utf8' })
  expect(ran.stderr).toBe('')
  expect(ran.stdout).toMatch(/^\{"id":1\} \{"specversion":"1\.0",.*"source":"\/shop",.*"after":\{"id":1\},"unchanged":\[\],"xid":7\}\}\n$/)
})
