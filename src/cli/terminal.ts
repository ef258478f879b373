import type { Log } from '../contracts/sink.ts'
import { createLivePart } from './live-part.ts'

export type LogOptions = { log?: 'json' | 'pretty'; quiet?: boolean; verbose?: boolean }

/** Where a command talks to people: stderr, with a live part (progress bars) at its end on a terminal. */
export type Terminal = {
  /** How news are told: text for people or JSON lines. */
  form: 'json' | 'pretty'
  isTerminal: boolean
  /** Whether `live` shows anything: on a terminal that can take lines back, and that somebody looks at. */
  hasLive: boolean
  color: boolean
  quiet: boolean
  /** A line for people, above the live part. Left out in JSON form. */
  say(text: string): void
  /** Replaces the live part; '' removes it. */
  live(text: string): void
  /** Writes above the live part. */
  write(text: string): void
  log: Log
}

/** Logs are text on a terminal, JSON lines otherwise, as asked by `--log` in any case. */
export async function openTerminal(options: LogOptions): Promise<Terminal> {
  const stream = process.stderr
  const isTerminal = stream.isTTY === true
  const form = options.log ?? (isTerminal ? 'pretty' : 'json')
  const color = isTerminal && !process.env.NO_COLOR
  const hasLive = isTerminal && form === 'pretty' && process.env.TERM !== 'dumb' && !process.env.CI
  const { show, write } = createLivePart(stream)
  const quiet = options.quiet === true
  const say = (text: string) => {
    if (form === 'pretty' && !quiet) write(`${text}\n`)
  }
  const { createLog } = await import('./log.ts')
  return {
    form,
    isTerminal,
    hasLive,
    color,
    quiet,
    say,
    live: hasLive ? show : () => {},
    write,
    log: createLog({ form, level: levelOf(options, isTerminal && form === 'pretty'), color, write }),
  }
}

/** On a terminal the bars tell the news; what else is said there is for people, so the log says only what is amiss. */
function levelOf(options: LogOptions, hasBars: boolean): string {
  if (options.verbose) return 'debug'
  if (options.quiet) return 'warn'
  const wanted = process.env.LOG_LEVEL?.toLowerCase() ?? ''
  if (['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'].includes(wanted)) return wanted
  return hasBars ? 'warn' : 'info'
}
