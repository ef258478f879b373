import { stripVTControlCharacters } from 'node:util'
import { expect, test } from 'vitest'
import type { Finding } from '../contracts/definition.ts'
import { checkText } from './check-text.ts'

const PLAIN = { isColored: false, isQuiet: false, width: 60 }
const finding = (severity: Finding['severity'], more: Partial<Finding> = {}): Finding => ({
  severity,
  code: 'CODE',
  area: 'tables',
  subject: 'public.users',
  message: 'public.users is as it is.',
  hint: null,
  ...more,
})
const report = (...findings: Finding[]) => ({ ok: findings.every(({ severity }) => severity !== 'error'), pipeline: 'shop', findings })

test('groups by part, in a fixed order, and ends with the verdict', () => {
  const text = checkText(
    report(finding('warning', { hint: 'Do this.\nThen that.' }), finding('ok', { area: 'server', subject: 'server', message: 'Up.' })),
    PLAIN,
  )
  expect(text).toBe(
    [
      'Server',
      '  ✓ Up.',
      '',
      'Tables',
      '  ! warning: public.users is as it is. [CODE]',
      '    → Do this.',
      '      Then that.',
      '',
      'Ready: shop can run (1 warning).',
    ].join('\n'),
  )
})

test('names the subject where the message does not, breaks prose at the width and never a remedy', () => {
  const statement = `ALTER TABLE ${'x'.repeat(100)} REPLICA IDENTITY FULL`
  const lines = checkText(report(finding('error', { subject: 'crm.a', message: 'word '.repeat(30).trim(), hint: statement })), PLAIN).split(
    '\n',
  )
  expect(lines[1]).toMatch(/^ {2}✗ error: crm\.a: word/)
  expect(lines.filter((line) => line.includes('word')).every((line) => line.length <= 60)).toBe(true)
  expect(lines).toContain(`    → ${statement}`)
})

test('says how many more there are of a kind that fills the screen', () => {
  const many = Array.from({ length: 10_000 }, (_, index) => finding('ok', { subject: `t${index}`, message: `t${index}: key (id)` }))
  const lines = checkText(report(...many), PLAIN).split('\n')
  expect(lines).toContain('    … and 9992 more [CODE]; --json has them all')
  expect(lines.length).toBeLessThan(15)
})

test('colours change nothing but the colours, and quiet leaves warnings and errors', () => {
  const all = report(finding('ok', { area: 'server' }), finding('error', { hint: 'Do this.' }))
  expect(stripVTControlCharacters(checkText(all, { ...PLAIN, isColored: true }))).toBe(checkText(all, PLAIN))
  expect(checkText(all, { ...PLAIN, isColored: true })).toContain('\u001b[31m')
  expect(checkText(all, { ...PLAIN, isQuiet: true })).not.toContain('Server')
})
