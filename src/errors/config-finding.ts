/** One thing that is wrong with a configuration. */
export type ConfigFinding = {
  /** Where: `sinks[0].path`; empty for the whole. */
  path: string
  /** Where in the file, from 1; null where there is no file. */
  line: number | null
  column: number | null
  /** What is wrong, in words. Never the value: it may be a secret. */
  message: string
  /** What may stand there, in words; null where nothing may, or where that cannot be said. */
  allowed: string | null
  /** The valid name nearest to what was written; null where none is near. */
  nearest: string | null
}
