/** Files that the next run will have open: what is under way on them is finished before this run is over, and nothing is begun after. */
export type DiskWork = { do<T>(work: () => Promise<T>): Promise<T>; end(): Promise<void> }

export function createDiskWork(): DiskWork {
  const underWay = new Set<Promise<unknown>>()
  let isOver = false
  return {
    do(work) {
      if (isOver) return Promise.reject(new DOMException('the run is over', 'AbortError'))
      const done = work()
      underWay.add(done)
      done.catch(() => {}).finally(() => underWay.delete(done))
      return done
    },
    async end() {
      isOver = true
      await Promise.allSettled(underWay)
    },
  }
}
