/** Runs what it is given, until something throws: from then on everything throws that. A file that missed rows must not be ended as if it had them. */
export function createFailureLatch(): <Result>(work: () => Result) => Result {
  let failure: { error: unknown } | null = null
  return (work) => {
    if (failure !== null) throw failure.error
    try {
      return work()
    } catch (error) {
      failure = { error }
      throw error
    }
  }
}
