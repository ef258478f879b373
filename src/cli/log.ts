import { createRequire } from 'node:module'
import type { Logger } from 'pino'
import type { Log } from '../contracts/sink.ts'
import { MillraceError } from '../errors/millrace-error.ts'
import { fieldsText } from './news-text.ts'
import { harmlessLines } from '../lib/harmless.ts'
import { redactUrls } from '../lib/redact-urls.ts'

type Options = { form: 'json' | 'pretty'; level: string; color: boolean; write(text: string): void }

/**
 * Structured news on stderr. Whatever passes is stripped of URLs' passwords.
 * The logger is loaded with the first line that is told: most commands end without one, and it is a tenth of their start.
 */
export function createLog(options: Options): Log {
  const opened: Logger[] = []
  const logger = () => opened[0] ?? (opened[0] = openLogger(options))
  const least = RANKS[options.level] ?? RANKS.info ?? 0
  const at = (level: 'debug' | 'info' | 'warn' | 'error') => (event: string, fields?: Record<string, unknown>) => {
    if ((RANKS[level] ?? 0) >= least) logger()[level](fields ? (plainValue(fields) as object) : {}, event)
  }
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}

const RANKS: Record<string, number> = { trace: 10, debug: 20, info: 30, warn: 40, error: 50, fatal: 60, silent: Infinity }

/** Both are CommonJS: whoever logs waits for nothing. */
const load = createRequire(import.meta.url)

function openLogger(options: Options): Logger {
  const { pino } = load('pino') as typeof import('pino')
  const print = options.form === 'pretty' ? prettyPrinter(options) : (line: string) => options.write(harmlessLines(line))
  return pino(
    { level: options.level, base: null, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: (label) => ({ level: label }) } },
    { write: print },
  )
}

/** Text for people. */
function prettyPrinter(options: Options): (line: string) => void {
  const { prettyFactory } = load('pino-pretty') as typeof import('pino-pretty')
  const pretty = prettyFactory({
    colorize: options.color,
    translateTime: 'SYS:HH:MM:ss',
    hideObject: true,
    messageFormat(log, messageKey) {
      const { [messageKey]: event, level: _, time: __, ...fields } = log
      return harmlessLines(fieldsText(String(event), fields))
    },
  })
  return (line) => options.write(pretty(line))
}

/** Fields as JSON can hold them: errors by code and message, bigints as text, URLs without passwords. */
function plainValue(value: unknown): unknown {
  if (typeof value === 'string') return redactUrls(value)
  if (typeof value === 'bigint') return String(value)
  if (value instanceof MillraceError) return { code: value.code, message: redactUrls(value.message) }
  if (value instanceof Error) return { message: redactUrls(value.message) }
  if (Array.isArray(value)) return value.map(plainValue)
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, plainValue(field)]))
}
