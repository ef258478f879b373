/** Control characters, and what turns the direction of writing, breaks a line or is not seen. */
const STEERING = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g

/** A name or value of somebody else's as one line that steers no terminal: such characters are shown as `\u001b`. */
export function harmless(text: string): string {
  return text.replace(STEERING, shown)
}

/** As `harmless`, for a text of several lines. JSON stays JSON of the same values: such characters lie only inside its strings. */
export function harmlessLines(text: string): string {
  return text.replace(STEERING, (sign) => (sign === '\n' ? sign : shown(sign)))
}

function shown(sign: string): string {
  return `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`
}
