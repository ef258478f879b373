import { parentPort } from 'node:worker_threads'

/** A thread that ends at its first write. */
parentPort?.on('message', ({ id, kind }: { id: number; kind: string }) => {
  if (kind !== 'open') process.exit(7)
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a port of threads has none
  parentPort?.postMessage({ id, reply: { parts: [], rows: 0, bytes: 0, misfits: {} } })
})
