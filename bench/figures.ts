export type Figure = { name: string; value: number; unit: string; target: string | null; met: boolean | null }

/** `at`: what the figure should be, at least or at most; null where nothing is asked of it. */
export function figure(
  name: string,
  value: number,
  unit: string,
  at: { least?: number | undefined; most?: number | undefined } = {},
): Figure {
  const { least, most } = at
  if (least !== undefined) return { name, value, unit, target: `≥ ${least}`, met: value >= least }
  if (most !== undefined) return { name, value, unit, target: `≤ ${most}`, met: value <= most }
  return { name, value, unit, target: null, met: null }
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((one, other) => one - other)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}
