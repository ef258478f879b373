import type { DebeziumOptions } from './options.ts'

/** What stands for a value that the log did not send, as text and as bytes; `hex:` begins one that is told by its bytes. */
export function placeholderOf(options: DebeziumOptions): { text: string; bytes: Buffer } {
  const given = options['unavailable.value.placeholder']
  const bytes = given.startsWith('hex:') ? Buffer.from(given.slice(4), 'hex') : Buffer.from(given)
  return { text: bytes.toString(), bytes }
}
