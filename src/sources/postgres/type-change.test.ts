import { expect, test } from 'vitest'
import { keepsStoredValues } from './type-change.ts'

const numeric = (precision: number, scale: number) => ((precision << 16) | scale) + 4

test.each([
  ['varchar(10) → varchar(20)', [1043, 14], [1043, 24], true],
  ['varchar(10) → text', [1043, 14], [25, -1], true],
  ['text → varchar', [25, -1], [1043, -1], true],
  ['text → varchar(10)', [25, -1], [1043, 14], false],
  ['varchar(20) → varchar(10)', [1043, 24], [1043, 14], false],
  ['numeric(10,2) → numeric(12,2)', [1700, numeric(10, 2)], [1700, numeric(12, 2)], true],
  ['numeric(10,2) → numeric', [1700, numeric(10, 2)], [1700, -1], true],
  ['numeric(10,2) → numeric(12,3)', [1700, numeric(10, 2)], [1700, numeric(12, 3)], false],
  ['numeric → numeric(12,2)', [1700, -1], [1700, numeric(12, 2)], false],
  ['int4 → int8', [23, -1], [20, -1], false],
  ['char(3) → char(5)', [1042, 7], [1042, 9], false],
  ['timestamp(0) → timestamp', [1114, 0], [1114, -1], true],
  ['timestamp → timestamp(0)', [1114, -1], [1114, 0], false],
  ['timestamp → timestamptz', [1114, -1], [1184, -1], false],
  ['varbit(3) → varbit(5)', [1562, 3], [1562, 5], true],
] as const)('%s keeps stored values: %#', (_, [fromOid, fromModifier], [toOid, toModifier], keeps) => {
  expect(keepsStoredValues({ typeOid: fromOid, typeModifier: fromModifier }, { typeOid: toOid, typeModifier: toModifier })).toBe(keeps)
})
