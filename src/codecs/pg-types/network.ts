import { expectLength } from './integers.ts'
import { malformed } from './malformed.ts'
import type { ValueDecoder } from './value-decoder.ts'

/**
 * inet, cidr, macaddr, macaddr8: manual, "Network Address Types"; network.c, `network_send`, `network_out`.
 *
 *   byte family (2: IPv4, 3: IPv6), byte bits, byte is_cidr, byte length, the address
 */
export function createNetworkBinaryDecoder(kind: 'inet' | 'cidr'): ValueDecoder {
  return (buf, start, end) => {
    const family = end - start >= 4 ? buf[start] : undefined
    const length = family === 2 ? 4 : family === 3 ? 16 : 0
    const bits = buf[start + 1] as number
    if (length === 0 || end - start !== 4 + length || buf[start + 3] !== length || bits > length * 8) {
      throw malformed(start, `it is no ${kind}`)
    }
    const address = length === 4 ? formatIpv4(buf, start + 4) : formatIpv6(buf, start + 4)
    return kind === 'inet' && bits === length * 8 ? address : `${address}/${bits}`
  }
}

export function createMacBinaryDecoder(length: 6 | 8): ValueDecoder {
  return (buf, start, end) => {
    expectLength(start, end, length)
    return buf.toString('hex', start, end).replace(/..(?!$)/g, '$&:')
  }
}

function formatIpv4(buf: Buffer, at: number): string {
  return `${buf[at]}.${buf[at + 1]}.${buf[at + 2]}.${buf[at + 3]}`
}

/** The server's inet_net_ntop: the first longest run of zero words becomes `::`, IPv4 in IPv6 keeps its dots. */
function formatIpv6(buf: Buffer, start: number): string {
  const words = Array.from({ length: 8 }, (_, i) => buf.readUInt16BE(start + 2 * i))
  const gap = longestZeros(words)
  let text = ''
  for (let i = 0; i < 8; i++) {
    if (i >= gap.from && i < gap.from + gap.length) {
      if (i === gap.from) text += ':'
      continue
    }
    if (i !== 0) text += ':'
    if (i === 6 && gap.from === 0 && holdsIpv4(gap.length, words)) return text + formatIpv4(buf, start + 12)
    text += (words[i] as number).toString(16)
  }
  return gap.from + gap.length === 8 && gap.length > 0 ? `${text}:` : text
}

function longestZeros(words: readonly number[]): { from: number; length: number } {
  let best = { from: -1, length: 0 }
  for (let from = 0; from < words.length; from++) {
    let length = 0
    while (words[from + length] === 0) length++
    if (length > best.length && length >= 2) best = { from, length }
    from += length
  }
  return best
}

function holdsIpv4(zeros: number, words: readonly number[]): boolean {
  return zeros === 6 || (zeros === 7 && words[7] !== 1) || (zeros === 5 && words[5] === 0xffff)
}
