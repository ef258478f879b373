/**
 * Node's Buffer has these fast slicers (`buf.toString` is built on them) without their being in its types.
 * Imported for its effect on types; the module is empty when run.
 */
declare global {
  interface Buffer {
    latin1Slice(start: number, end: number): string
    base64Slice(start: number, end: number): string
    hexSlice(start: number, end: number): string
    utf8Slice(start: number, end: number): string
    latin1Write(text: string, offset: number, length: number): number
    utf8Write(text: string, offset: number, length: number): number
  }
}

export {}
