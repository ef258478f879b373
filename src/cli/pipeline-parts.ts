import { existsSync } from 'node:fs'
import type { Config } from '../config/config.ts'
import type { SourceContext } from '../contracts/definition.ts'
import type { StateStore } from '../contracts/state-store.ts'
import { harmlessLines } from '../lib/harmless.ts'
import { redactUrls } from '../lib/redact-urls.ts'

/** The pipeline's state, where it ever ran; null otherwise: looking makes no file. */
export async function openKnownState(config: Config): Promise<StateStore | null> {
  if (!existsSync(config.state)) return null
  const { openSqliteState } = await import('../state/sqlite/state-store.ts')
  return openSqliteState(config.state, { pipeline: config.name })
}

/** The process that runs the pipeline; null where none does. */
export async function runningProcess(config: Config): Promise<number | null> {
  if (!existsSync(`${config.state}.lock`)) return null
  const { lockHolder } = await import('../state/sqlite/lock-pipeline.ts')
  return lockHolder(config.state)
}

/** Stands in for the state of a pipeline that never ran. */
export function emptyState(): SourceContext['state'] {
  const facts = new Map<string, unknown>()
  return {
    get: async (key) => facts.get(key) ?? null,
    set: async (entries) => Object.entries(entries).forEach(([key, value]) => facts.set(key, value)),
    delete: async (key) => void facts.delete(key),
  }
}

/** Any text for stdout, without passwords and without anything that steers a terminal. */
export function printLine(text: string): void {
  printStyled(harmlessLines(text))
}

/** A text with styles of ours, whose names and messages are harmless already. */
export function printStyled(text: string): void {
  process.stdout.write(`${redactUrls(text)}\n`)
}

/** One JSON object on stdout; bigints as text. */
export function printJson(value: unknown): void {
  printLine(JSON.stringify(value, (_, field: unknown) => (typeof field === 'bigint' ? String(field) : field)))
}
