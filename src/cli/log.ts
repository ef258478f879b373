import { pino } from 'pino'
import type { Log } from '../contracts/sink.ts'
import { MillraceError } from '../errors/millrace-error.ts'
import { fieldsText } from './news-text.ts'
import { redactUrls } from '../lib/redact-urls.ts'

type Options = { form: 'json' | 'pretty'; level: string; color: boolean; write(text: string): void }

/** Structured news on stderr. Whatever passes is stripped of URLs' passwords. */
export async function createLog(options: Options): Promise<Log> {
  const print = options.form === 'pretty' ? await prettyPrinter(options) : options.write
  const logger = pino(
    { level: options.level, base: null, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: (label) => ({ level: label }) } },
    { write: print },
  )
  const at = (level: 'debug' | 'info' | 'warn' | 'error') => (event: string, fields?: Record<string, unknown>) => {
    if (logger.isLevelEnabled(level)) logger[level](fields ? (plainValue(fields) as object) : {}, event)
  }
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}

/** Text for people; loaded only where someone reads it. */
async function prettyPrinter(options: Options): Promise<(line: string) => void> {
  const { prettyFactory } = await import('pino-pretty')
  const pretty = prettyFactory({
    colorize: options.color,
    translateTime: 'SYS:HH:MM:ss',
    hideObject: true,
    messageFormat(log, messageKey) {
      const { [messageKey]: event, level: _, time: __, ...fields } = log
      return fieldsText(String(event), fields)
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
