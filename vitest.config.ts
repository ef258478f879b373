import { defineConfig } from 'vitest/config'

const shared = {
  testTimeout: 60_000,
  hookTimeout: 60_000,
  globalSetup: ['test/global-setup.ts'],
}
const elsewhere = ['**/node_modules/**', '**/dist/**']
/** What the second run does again on every Postgres, with more seeds; `npm test` runs it on 18 with a few. */
const onEveryPostgres = ['src/sources/**/*.pg.test.ts', 'src/codecs/**/*.pg.test.ts', 'test/model/**/*.test.ts']

export default defineConfig({
  test: {
    maxWorkers: 2,
    reporters: ['default', './test/summary-reporter.ts'],
    projects: [
      { test: { ...shared, name: 'all', include: ['src/**/*.test.ts', 'test/**/*.test.ts', 'demo/**/*.test.ts'], exclude: elsewhere } },
      { test: { ...shared, name: 'services', include: onEveryPostgres, exclude: elsewhere } },
    ],
  },
})
