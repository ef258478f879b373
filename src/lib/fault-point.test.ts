import { expect, test, vi } from 'vitest'
import { createFaultPoint } from './fault-point.ts'

test('ends the process at the n-th time, and at no other place', () => {
  const die = vi.fn()
  const faultPoint = createFaultPoint('written:2', die)
  for (const point of ['written', 'flushed', 'flushed'] as const) faultPoint(point)
  expect(die).not.toHaveBeenCalled()
  faultPoint('written')
  faultPoint('written')
  expect(die).toHaveBeenCalledTimes(1)
})

test('throws instead, where that is asked for; unset it does nothing', () => {
  const faultPoint = createFaultPoint('recorded:1:throw')
  expect(() => faultPoint('recorded')).toThrow('MILLRACE_FAULT')
  expect(() => createFaultPoint(undefined)('recorded')).not.toThrow()
  expect(() => createFaultPoint('')('recorded')).not.toThrow()
})
