/**
 * Every error a user can meet. `kind` decides what happens next:
 * transient: retried · operator: stops, a person must act · config: refuses to start · data: this row · bug: ours.
 * `message` and `hint` may hold `{fields}`; a field is never a cell value nor a credential.
 */
export type ErrorKind = 'transient' | 'operator' | 'config' | 'data' | 'bug'

export type ErrorEntry = { kind: ErrorKind; message: string; hint: string }
