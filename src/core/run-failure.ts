import { toMillraceError, type MillraceError } from '../errors/millrace-error.ts'

/** A failure with the part of the pipeline it came from: `source`, or a sink's name. Retries are counted by part. */
export class PartFailure extends Error {
  readonly part: string
  readonly error: MillraceError

  constructor(part: string, error: unknown) {
    super(`${part} failed`, { cause: error })
    this.part = part
    this.error = toMillraceError(error)
  }
}

export async function inPart<T>(part: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw asPartFailure(part, error)
  }
}

export function asPartFailure(part: string, error: unknown): PartFailure {
  return error instanceof PartFailure ? error : new PartFailure(part, error)
}
