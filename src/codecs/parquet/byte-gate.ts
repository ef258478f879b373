/** Lets in so many bytes at once; who comes after waits, in order. One that is larger by itself goes in alone. */
export type ByteGate = { enter(bytes: number): Promise<void>; leave(bytes: number): void }

export function createByteGate(limit: number): ByteGate {
  const waiting: { bytes: number; go: () => void }[] = []
  let inside = 0

  function admit(): void {
    for (let next = waiting[0]; next !== undefined && (inside === 0 || inside + next.bytes <= limit); next = waiting[0]) {
      waiting.shift()
      inside += next.bytes
      next.go()
    }
  }

  return {
    enter: (bytes) =>
      new Promise((resolve) => {
        waiting.push({ bytes, go: resolve })
        admit()
      }),
    leave(bytes) {
      inside -= bytes
      admit()
    },
  }
}
