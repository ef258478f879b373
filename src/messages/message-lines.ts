import type { Message } from '../contracts/format.ts'

/**
 * Messages with keys, topics or headers as lines: `{"topic":…,"key":…,"value":…,"headers":…}`, key and value embedded as the JSON that
 * they are. Each line ends with a line break.
 */
export function messageLines(messages: readonly Message[]): string {
  let lines = ''
  for (const { topic, key, value, headers } of messages)
    lines += `{"topic":${JSON.stringify(topic)},"key":${key ?? 'null'},"value":${value ?? 'null'},"headers":${JSON.stringify(headers)}}\n`
  return lines
}
