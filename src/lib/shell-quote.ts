import { harmless, harmlessLines } from './harmless.ts'

/** One word of a POSIX shell's command line: as it is where that is safe, else in the quotes that need no escaping. */
export function shellQuote(text: string): string {
  if (/^[\w@%+=:,./-]+$/.test(text)) return text
  // Quotes would hand control characters to the terminal that shows the line: bash, zsh and ksh write them so.
  if (harmlessLines(text) !== text) return `$'${[...text].map(ansiQuoted).join('')}'`
  if (!/["$`\\!]/.test(text)) return `"${text}"`
  return `'${text.replaceAll("'", `'\\''`)}'`
}

function ansiQuoted(sign: string): string {
  if (sign === "'" || sign === '\\') return `\\${sign}`
  if (harmless(sign) === sign) return sign
  return [...Buffer.from(sign)].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('')
}
