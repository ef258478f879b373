/**
 * The one element of `attmissingval`, which the server keeps as an array of one: `{5}`, `{"a,b"}`, `{"{1,2}"}`.
 * Never NULL: a missing value that is NULL is not kept at all.
 */
export function firstElement(literal: string): string {
  const body = literal.slice(1, -1)
  return body.startsWith('"') ? body.slice(1, -1).replace(/\\(.)/gsu, '$1') : body
}
