import type { Snapshots, SnapshotsOptions } from './snapshot.ts'

/** The merge of a pipeline that copies nothing: batches as they come. */
export async function openPassThrough(_options: SnapshotsOptions): Promise<Snapshots> {
  return {
    async add() {},
    async remove() {},
    async reread() {},
    merge: (stream) => stream,
    async idle() {},
    isCopying: () => false,
    async [Symbol.asyncDispose]() {},
  }
}
