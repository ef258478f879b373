export type Deferred<T> = { promise: Promise<T>; resolve(value: T | PromiseLike<T>): void; reject(reason: unknown): void }

/** A promise with its ends in hand: `Promise.withResolvers`, which the ES2023 we emit for does not declare. */
export function createDeferred<T>(): Deferred<T> {
  let resolve: Deferred<T>['resolve'] = () => {}
  let reject: Deferred<T>['reject'] = () => {}
  const promise = new Promise<T>((onValue, onReason) => {
    resolve = onValue
    reject = onReason
  })
  return { promise, resolve, reject }
}
