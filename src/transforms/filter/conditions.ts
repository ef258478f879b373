import { tableName, UNCHANGED, type Column, type Row, type Table, type Value } from '../../contracts/table.ts'
import { MillraceError } from '../../errors/millrace-error.ts'
import { columnAt, type TableChoice } from '../table-choice.ts'
import { readWritten, type Written } from '../written-value.ts'
import { comparisonOf } from './compare.ts'
import type { Condition } from './config.ts'

/** Whether a row matches: null where a value that decides was not sent. */
export type Judge = (value: (column: number) => Row[number] | undefined) => boolean | null

type Test = (value: Value) => boolean
type Place = { transform: string; table: Table; column: Column }

/** The conditions on a table's columns as one question: all of them must hold. */
export function createJudge(
  where: Readonly<Record<string, Condition>>,
  at: { transform: string; table: Table; choice: TableChoice },
): Judge {
  const { transform, table, choice } = at
  const tests = choice.find(table, Object.keys(where)).map((index) => {
    const column = columnAt(table, index)
    return { index, holds: testOf(where[column.name] ?? {}, { transform, table, column }) }
  })
  return (value) => {
    let verdict: boolean | null = true
    for (const { index, holds } of tests) {
      const cell = value(index)
      if (cell === UNCHANGED || cell === undefined) verdict = null
      // One condition that fails is enough, whatever else is unknown.
      else if (!holds(cell)) return false
    }
    return verdict
  }
}

/** As in SQL, NULL satisfies `isNull: true` and nothing else. */
function testOf(condition: Condition, place: Place): Test {
  const tests: Test[] = []
  const { isNull, like, in: among, ...operators } = condition
  if (isNull !== undefined) tests.push((value) => (value === null) === isNull)
  if (like !== undefined) tests.push(likeTest(like, place))
  if (among !== undefined) tests.push(anyOf(among.map((written) => operatorTest('eq', written, place))))
  for (const [operator, written] of Object.entries(operators)) {
    if (written !== undefined) tests.push(operatorTest(operator as Operator, written, place)) // the keys of a condition
  }
  return (value) => tests.every((test) => test(value))
}

const anyOf =
  (tests: readonly Test[]): Test =>
  (value) =>
    tests.some((test) => test(value))

type Operator = keyof typeof OPERATORS

const OPERATORS = {
  eq: (order: number) => order === 0,
  ne: (order: number) => order !== 0,
  lt: (order: number) => order < 0,
  le: (order: number) => order <= 0,
  gt: (order: number) => order > 0,
  ge: (order: number) => order >= 0,
}

function operatorTest(operator: Operator, written: Written, place: Place): Test {
  const { type } = place.column
  const isEquality = operator === 'eq' || operator === 'ne'
  if (UNCOMPARED.has(type.kind)) throw refused(place, 'only isNull can be asked of it')
  const compare = comparisonOf(type)
  if (compare === null && !isEquality) throw refused(place, 'its values have no order here; only eq, ne, in and isNull can be asked of it')
  const read = readWritten(type, written)
  if ('fault' in read) throw refused(place, read.fault)
  const holds = OPERATORS[operator]
  const operand = read.value
  if (compare === null) return (value) => value !== null && (value === operand) === (operator === 'eq')
  return (value) => value !== null && holds(compare(value, operand))
}

/** Of these no two values that mean the same need have one text. */
const UNCOMPARED: ReadonlySet<string> = new Set(['json', 'bytes', 'array', 'map', 'composite'])

function likeTest(pattern: string, place: Place): Test {
  if (place.column.type.kind !== 'text') throw refused(place, 'like is for text')
  const expression = likeExpression(pattern)
  return (value) => typeof value === 'string' && expression.test(value)
}

/** SQL's LIKE: % is any text, _ one character, a backslash takes its meaning from what follows. */
function likeExpression(pattern: string): RegExp {
  const body = pattern.replace(/\\([\s\S])|[%_]|[^%_\\]/gu, (sign, escaped: string | undefined) => {
    if (escaped === undefined && sign === '%') return '.*'
    if (escaped === undefined && sign === '_') return '.'
    return (escaped ?? sign).replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')
  })
  return new RegExp(`^${body}$`, 'su')
}

function refused({ transform, table, column }: Place, reason: string): MillraceError {
  return new MillraceError('TRANSFORM_COLUMN_TYPE', {
    transform,
    table: tableName(table),
    column: column.name,
    type: column.sourceType,
    reason,
  })
}
