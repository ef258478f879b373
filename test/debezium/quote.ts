export function quoteLiteral(text: string): string {
  return `E'${text.replace(/[\\']/g, '\\$&')}'`
}
