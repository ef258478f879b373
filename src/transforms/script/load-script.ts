import { basename } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Script, ScriptChange } from '../../contracts/transform.ts'
import { tableName, type Table } from '../../contracts/table.ts'
import { MillraceError } from '../../errors/millrace-error.ts'

/** A script with its name, called in the one way there is. */
export type LoadedScript = {
  /** As the configuration names it. */
  module: string
  /** What it returned. Throws a data error where it throws: nothing of what it threw but the place, for the rest may hold values. */
  call(change: ScriptChange, table: Table): unknown
}

export async function loadScript(module: string, path: string): Promise<LoadedScript> {
  const loaded: { default?: unknown } = await load(module, path)
  const script = loaded.default
  if (typeof script !== 'function') throw unloadable(module, 'it has no default export that is a function')
  return {
    module,
    call(change, table) {
      try {
        return (script as Script)(change) // what it is given is what Script says; what it returns is looked at
      } catch (error) {
        throw threw(module, { error, change, table, path })
      }
    },
  }
}

async function load(module: string, path: string): Promise<{ default?: unknown }> {
  try {
    return (await import(/* @vite-ignore */ pathToFileURL(path).href)) as { default?: unknown } // a module is an object of its exports
  } catch (error) {
    const { code, name, message } = error as { code?: string; name?: string; message?: string } // an Error, or whatever the module threw
    const isMissing = code === 'ERR_MODULE_NOT_FOUND' && message?.includes(path)
    const reason = isMissing ? 'there is no such file' : `${name ?? 'it threw'}: ${(message ?? '').split('\n')[0]}`
    throw unloadable(module, reason)
  }
}

function unloadable(module: string, reason: string): MillraceError {
  return new MillraceError('TRANSFORM_SCRIPT_UNLOADABLE', { module, reason })
}

function threw(module: string, at: { error: unknown; change: ScriptChange; table: Table; path: string }): MillraceError {
  const { error, change, table, path } = at
  const name = error instanceof Error ? error.constructor.name : `a ${typeof error}`
  return new MillraceError('TRANSFORM_SCRIPT_THREW', {
    module,
    name,
    place: placeOf(error, path),
    op: change.op,
    table: tableName(table),
    position: placeText(change),
  })
}

/** `script.ts:12:5`, of the stack's first line in the script; its message, which comes before, may hold anything. */
function placeOf(error: unknown, path: string): string {
  const stack = error instanceof Error ? (error.stack ?? '') : ''
  const calls = stack.split('\n').filter((line) => /^ {4}at /.test(line))
  const line = calls.find((call) => call.includes(basename(path)))
  const [, place] = /:(\d+:\d+)\)?$/.exec(line ?? '') ?? []
  return place === undefined ? basename(path) : `${basename(path)}:${place}`
}

/** Where a change stands: position and ordinal. */
export function placeText({ position, ordinal }: Pick<ScriptChange, 'position' | 'ordinal'>): string {
  return ordinal === null ? position : `${position}, change ${ordinal}`
}
