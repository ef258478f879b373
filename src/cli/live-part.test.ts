import { expect, test } from 'vitest'
import { createLivePart } from './live-part.ts'

/** A terminal as far as a live part uses one: rows of text, a cursor, and lines that wrap where they were narrowed. */
function createScreen(columns: number, rows: number) {
  const lines = ['']
  let row = 0
  const write = (text: string) => {
    for (const [token] of text.matchAll(/\u001b\[\??\d*[A-Za-z]|\n|\r|[^\u001b\n\r]+/g)) {
      if (token === '\n') {
        if (++row === lines.length) lines.push('')
      } else if (token === '\u001b[J') lines.splice(row, lines.length, '')
      else if (token.endsWith('A')) row = Math.max(0, row - Number(/\d+/.exec(token)?.[0]))
      else if (!token.startsWith('\u001b') && token !== '\r') lines[row] = token
    }
  }
  const screen = { write, columns, rows }
  return { screen, text: () => lines.join('\n') }
}

test('what is written goes above the lines, which stay at the end', () => {
  const { screen, text } = createScreen(80, 24)
  const live = createLivePart(screen)
  live.write('begun\n')
  live.show('a 1\nb 1\n')
  live.write('a log line\n')
  live.show('a 2\nb 2\n')
  expect(text()).toBe('begun\na log line\na 2\nb 2\n')
  live.show('b 3\n')
  live.write('another\n')
  expect(text()).toBe('begun\na log line\nanother\nb 3\n')
  live.show('')
  live.write('done\n')
  expect(text()).toBe('begun\na log line\nanother\ndone\n')
})

test('never more lines than the screen can take back', () => {
  const { screen, text } = createScreen(80, 5)
  const live = createLivePart(screen)
  live.show(Array.from({ length: 50 }, (_, line) => `${line}\n`).join(''))
  expect(text()).toBe('46\n47\n48\n49\n')
})

test('lines that a narrower terminal has wrapped are taken back whole', () => {
  const written: string[] = []
  const screen = { write: (text: string) => written.push(text), columns: 40, rows: 24 }
  const live = createLivePart(screen)
  live.show(`\u001b[36m${'x'.repeat(35)}\u001b[39m\nshort\n`)
  screen.columns = 10
  live.show('y\n')
  expect(written.at(-1)?.startsWith('\u001b[5A\r')).toBe(true)
})

test('the same lines are not written again', () => {
  const written: string[] = []
  const live = createLivePart({ write: (text) => written.push(text) })
  live.show('a\n')
  live.show('a\n')
  expect(written).toHaveLength(1)
})
