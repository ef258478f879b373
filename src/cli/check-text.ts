import { stripVTControlCharacters, styleText } from 'node:util'
import type { Finding } from '../contracts/definition.ts'
import { harmlessLines } from '../lib/harmless.ts'
import type { CheckReport } from './check.ts'

type Options = { isColored: boolean; isQuiet: boolean; width: number }
type Severity = Finding['severity']
type Style = (style: Parameters<typeof styleText>[0], text: string) => string

const TITLES: readonly (readonly [NonNullable<Finding['area']>, string])[] = [
  ['server', 'Server'],
  ['rights', 'Rights'],
  ['publication', 'Publication'],
  ['tables', 'Tables'],
  ['values', 'What arrives'],
  ['slots', 'Slots'],
  ['transforms', 'Transforms'],
  ['sinks', 'Sinks'],
  ['versions', 'Versions'],
]

const MARKS: Record<Severity, { mark: string; word: string; style: Parameters<typeof styleText>[0] }> = {
  ok: { mark: '✓', word: '', style: 'green' },
  info: { mark: 'i', word: '', style: 'cyan' },
  warning: { mark: '!', word: 'warning: ', style: 'yellow' },
  error: { mark: '✗', word: 'error: ', style: 'red' },
}

/** So many findings of one kind are shown one by one; `--json` has them all. */
const SHOWN: Record<Severity, number> = { ok: 8, info: 8, warning: 20, error: 20 }

/** A report for people: by area, the worst last, where the eye is. `isQuiet`: warnings and errors only. */
export function checkText({ ok, pipeline, findings }: CheckReport, options: Options): string {
  const style: Style = (name, text) => (options.isColored ? styleText(name, text, { validateStream: false }) : text)
  const wanted = options.isQuiet ? findings.filter(({ severity }) => severity === 'warning' || severity === 'error') : findings
  const areas = TITLES.flatMap(([area, title]) => {
    const members = wanted.filter((finding) => (finding.area ?? 'server') === area)
    return members.length === 0 ? [] : [[style('bold', title), ...areaLines(members, style, options.width)].join('\n')]
  })
  return [...areas, verdict(ok, pipeline, findings, style)].join('\n\n')
}

function areaLines(findings: readonly Finding[], style: Style, width: number): readonly string[] {
  const kinds = Map.groupBy(findings, ({ severity, code }) => `${severity} ${code}`)
  return [...kinds.values()].flatMap((members) => {
    const { severity, code } = members[0]! // a group has members
    const limit = SHOWN[severity]
    const shown = members.slice(0, limit).flatMap((finding) => findingLines(finding, style, width))
    return members.length > limit
      ? [...shown, style('dim', `    … and ${members.length - limit} more [${code}]; --json has them all`)]
      : shown
  })
}

function findingLines(finding: Finding, style: Style, width: number): readonly string[] {
  const { severity, code } = finding
  // Names of the database stand in them.
  const [subject, message, hint] = [finding.subject, finding.message, finding.hint ?? ''].map(harmlessLines) as [string, string, string]
  const { mark, word, style: color } = MARKS[severity]
  const about = namesSubject(message, subject) ? '' : `${subject}: `
  const tail = word ? style('dim', ` [${code}]`) : ''
  const lines = wrap(`${style(color, `${mark} ${word}`)}${about}${message}${tail}`, { width, indent: '  ', further: '    ' })
  // A statement to copy stays on one line of its own, however long: the terminal wraps it, a copy does not break it.
  const [first, ...rest] = hint && severity !== 'ok' ? hint.split('\n') : []
  return first === undefined ? lines : [...lines, `    ${style('dim', '→')} ${first}`, ...rest.map((line) => `      ${line}`)]
}

/** Whether a message says of itself what it is about. */
function namesSubject(message: string, subject: string): boolean {
  return subject === 'server' || message.toLowerCase().includes(subject.toLowerCase())
}

function wrap(text: string, { width, indent, further }: { width: number; indent: string; further: string }): readonly string[] {
  const lines: string[] = []
  let line = indent
  for (const word of text.split(' ')) {
    const isFull = stripVTControlCharacters(`${line} ${word}`).length > width
    if (isFull && line.trim() !== '') {
      lines.push(line)
      line = further + word
    } else line += line === indent && lines.length === 0 ? word : ` ${word}`
  }
  return [...lines, line]
}

function verdict(ok: boolean, pipeline: string, findings: readonly Finding[], style: Style): string {
  const count = (severity: Severity) => findings.filter((finding) => finding.severity === severity).length
  const counted = (number: number, noun: string) => `${number} ${noun}${number === 1 ? '' : 's'}`
  const warnings = counted(count('warning'), 'warning')
  if (ok) return style('green', `Ready: ${pipeline} can run (${warnings}).`)
  return `${style('red', `Not ready: ${counted(count('error'), 'error')}, ${warnings}.`)} Each line after → says what helps; check again then.`
}
