import type { Format, Message } from '../contracts/format.ts'

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

/** What a format tells beside changes and rows, as lines of its own form; '' where it tells nothing. */
export function linesBeside(format: Format, messages: readonly Message[] | undefined): string {
  if (messages === undefined || messages.length === 0) return ''
  return format.lines ? format.lines(messages) : messageLines(messages)
}

/** For formats whose values say everything: each value is a line. */
export function valueLines(messages: readonly Message[]): string {
  let lines = ''
  for (const { value } of messages) lines += `${value ?? 'null'}\n`
  return lines
}

type Messages = Omit<Format, 'changeLine' | 'readLine' | 'lines' | 'writeLine'>

/** A format of values that say everything: its lines are its values. */
export function withValueLines(messages: Messages): Format {
  return withLines(messages, valueLines)
}

/** A format whose keys, topics and headers say something too: its lines hold them all. */
export function withMessageLines(messages: Messages): Format {
  return withLines(messages, messageLines)
}

function withLines(messages: Messages, lines: (messages: readonly Message[]) => string): Format {
  return {
    ...messages,
    changeLine: (change) => lines(messages.change(change)),
    readLine: (table, row, at) => lines(messages.read(table, row, at)),
    lines,
  }
}
