import { stripVTControlCharacters } from 'node:util'

type Stream = { write(text: string): unknown; columns?: number; rows?: number }

/** Lines at the end of a terminal that are replaced in place, with other text written above them. */
export type LivePart = {
  /** Replaces the lines; '' removes them. Each ends with a line break. */
  show(text: string): void
  /** Writes above them. */
  write(text: string): void
}

export function createLivePart(stream: Stream): LivePart {
  let shown = ''

  /** Where the lines begin. A terminal made narrower has wrapped them, so they are counted as they stand now. */
  const start = () => {
    const columns = stream.columns || 80
    const rows = linesOf(shown).reduce((sum, line) => sum + Math.max(1, Math.ceil(stripVTControlCharacters(line).length / columns)), 0)
    return rows === 0 ? '' : `\u001b[${rows}A\r`
  }
  return {
    show(text) {
      // More lines than the screen has could not be taken back.
      const lines = linesOf(text).slice(1 - Math.max(2, stream.rows || 24))
      const next = lines.map((line) => `${line}\n`).join('')
      if (next === shown) return
      stream.write(`${start()}${drawn(lines)}${CLEAR_BELOW}`)
      shown = next
    },
    write(text) {
      stream.write(shown === '' ? text : `${start()}${CLEAR_BELOW}${text}${drawn(linesOf(shown))}`)
    },
  }
}

const CLEAR_BELOW = '\u001b[J'

/** Written over what stands there, so that nothing flickers; without wrapping, so that a line is one row whatever its letters' widths. */
function drawn(lines: readonly string[]): string {
  return lines.length === 0 ? '' : `\u001b[?7l${lines.map((line) => `${line}\u001b[K\n`).join('')}\u001b[?7h`
}

function linesOf(text: string): string[] {
  return text.split('\n').slice(0, -1)
}
