import { realpathSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Command } from 'commander'
import { MillraceError, toMillraceError } from '../errors/millrace-error.ts'
import { errorText } from './error-text.ts'

/** Runs one command line to its end and leaves the process with its exit code. */
export async function main(args: readonly string[]): Promise<void> {
  const json = wantsJson(args)
  const report = (error: unknown) => process.stderr.write(errorText(error, { json, verbose: args.includes('--verbose') }))
  const fail = (error: unknown) => {
    report(error)
    process.exit(exitCodeOf(error))
  }
  process.on('uncaughtException', fail)
  process.on('unhandledRejection', fail)
  for (const stream of [process.stdout, process.stderr]) stream.on('error', ignoreClosedPipe)
  const code = await dispatch(args).catch((error: unknown) => {
    report(error)
    return exitCodeOf(error)
  })
  await drained(process.stdout)
  process.exit(code)
}

/** Nothing is loaded for these but what they print. */
const VERSION = ['version', '--version', '-V']

async function dispatch(args: readonly string[]): Promise<number> {
  if (args.length === 1 && VERSION.includes(args[0] ?? '')) return (await import('./version.ts')).version()
  const [{ CommanderError }, { createProgram }] = await Promise.all([import('commander'), import('./program.ts')])
  let code = 0
  const program = createProgram((result) => (code = result))
  if (args.length === 0) return (program.outputHelp(), 2)
  try {
    await program.parseAsync(args as string[], { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (error.exitCode === 0) return 0
    const { command, path } = commandOf(args, program)
    // One that only holds others was named alone.
    if (error.code === 'commander.help') return (command.outputHelp(), 2)
    throw new MillraceError('CLI_USAGE', { reason: usageReason(error.message), command: path || 'COMMAND' })
  }
  return code
}

/** Bad usage and configuration: 2. Everything else that failed: 1. */
function exitCodeOf(error: unknown): number {
  return toMillraceError(error).kind === 'config' ? 2 : 1
}

function usageReason(message: string): string {
  const text = message.replace(/^error: /, '').replace(/\s+\(Did you mean (.*)\?\)/, '; did you mean $1?')
  return text.charAt(0).toUpperCase() + text.slice(1)
}

/** The innermost command that the first words name. */
function commandOf(args: readonly string[], command: Command, path = ''): { command: Command; path: string } {
  const [name = '', ...rest] = args
  const inner = command.commands.find((each) => each.name() === name)
  return inner ? commandOf(rest, inner, path === '' ? name : `${path} ${name}`) : { command, path }
}

/** Known before the command line is parsed, so that an error in it is printed in the form asked for. */
function wantsJson(args: readonly string[]): boolean {
  return args.includes('--json') || args.includes('--log=json') || args.some((arg, index) => arg === '--log' && args[index + 1] === 'json')
}

/** `millrace config print | head` is no error. */
function ignoreClosedPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error
}

/** What was printed is with the reader before the process ends. */
function drained(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => (stream.writable ? stream.write('', () => resolve()) : resolve()))
}

// Run directly (`node dist/cli/main.js`), it goes the bin's way, so that an old Node is told so here too.
if (process.argv[1] !== undefined && isThisFile(process.argv[1])) void import('./millrace.ts')

function isThisFile(path: string): boolean {
  try {
    return realpathSync(path) === fileURLToPath(import.meta.url)
  } catch {
    return false
  }
}
