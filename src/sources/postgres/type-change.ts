type Typed = { typeOid: number; typeModifier: number }

const VARBIT = 1562
const NUMERIC = 1700
const TEXT_LIKE = { text: 25, varchar: 1043 }
const TIMES = new Set([1083, 1114, 1184, 1266]) // time, timestamp, timestamptz, timetz: the modifier is the precision

/**
 * Whether values stored before a change of type are the same, as the log would send them, after it: the binary-coercible
 * widenings that ALTER TABLE does without touching a row. `USING` can still compute new values: then the files change.
 */
export function keepsStoredValues(before: Typed, after: Typed): boolean {
  if (before.typeOid === after.typeOid && before.typeModifier === after.typeModifier) return true
  if (isTextLike(before.typeOid) && isTextLike(after.typeOid)) return isWider(before.typeModifier, after.typeModifier)
  if (before.typeOid !== after.typeOid) return false
  if (before.typeOid === NUMERIC) return isWiderNumeric(before.typeModifier, after.typeModifier)
  return (before.typeOid === VARBIT || TIMES.has(before.typeOid)) && isWider(before.typeModifier, after.typeModifier)
}

function isTextLike(oid: number): boolean {
  return oid === TEXT_LIKE.text || oid === TEXT_LIKE.varchar
}

function isWider(before: number, after: number): boolean {
  return after === -1 || (before !== -1 && after >= before)
}

/** Another scale writes every value anew (1.50 for 1.5). The modifier is (precision << 16 | scale) + 4. */
function isWiderNumeric(before: number, after: number): boolean {
  if (after === -1) return true
  if (before === -1) return false
  const scale = (modifier: number) => (modifier - 4) & 0xffff
  return scale(before) === scale(after) && after >= before
}
