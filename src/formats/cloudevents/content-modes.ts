import type { Message } from '../../contracts/format.ts'
import { quoted } from '../../messages/json/json-text.ts'
import type { Attributes } from './attributes.ts'

export type Binding = 'kafka' | 'http'

type Event = { attributes: Attributes; key: string | null; data: string }

/** JSON event format, section 3: all of it is one object. The header says so where headers go along (Kafka binding, section 3.3). */
export function structuredMessage({ attributes, key, data }: Event): Message {
  let value = '{'
  for (const [name, text] of attributes) value += `"${name}":${quoted(text)},`
  return { topic: null, key, value: `${value}"data":${data}}`, headers: STRUCTURED }
}

const STRUCTURED = Object.freeze({ 'content-type': 'application/cloudevents+json; charset=utf-8' })

/** Kafka binding, section 3.2, and HTTP binding, section 3.1: the data is the value; the attributes are headers, its type among them. */
export function binaryMessage({ attributes, key, data }: Event, binding: Binding): Message {
  const headers: Record<string, string> = {}
  for (const [name, text] of attributes) {
    if (name === 'datacontenttype') headers['content-type'] = text
    else if (binding === 'kafka') headers[`ce_${name}`] = text
    else headers[`ce-${name}`] = headerText(text)
  }
  return { topic: null, key, value: data, headers }
}

/** HTTP binding, section 3.1.3.2: what is not printable ASCII, blanks, quotes and percent signs are written as %XX of their UTF-8. */
function headerText(text: string): string {
  return text.replace(/\p{Surrogate}/gu, '\ufffd').replace(NOT_PLAIN, encodeURIComponent)
}

const NOT_PLAIN = /[^\x21\x23\x24\x26-\x7e]/gu
