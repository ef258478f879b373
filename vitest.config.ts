import { defineConfig } from 'vitest/config'

const shared = {
  testTimeout: 60_000,
  hookTimeout: 60_000,
  globalSetup: ['test/global-setup.ts'],
}
const elsewhere = ['**/node_modules/**', '**/dist/**']
/** What the second run does again on every Postgres, with more seeds; `npm test` runs it on 18 with a few. */
const onEveryPostgres = ['src/sources/**/*.pg.test.ts', 'src/codecs/**/*.pg.test.ts', 'test/model/**/*.test.ts']
/** What needs a server that is neither Postgres nor in a package of npm: one folder of `test/servers/` each. */
const otherServers = ['**/*.s3.test.ts', '**/*.debezium.test.ts', '**/*.kafka.test.ts', '**/*.kinesis.test.ts', '**/*.chaos.test.ts']

/** What `npm run check` leaves to `npm test`: what needs a server, and what takes more than a few seconds. */
const slow = [
  '**/*.pg.test.ts',
  'src/sinks/*/{conformance,crash,kill,model}.test.ts',
  'src/testing/*-conformance.test.ts',
  'src/cli/main.test.ts',
  'test/e2e/**',
]

export default defineConfig({
  test: {
    maxWorkers: 2,
    reporters: ['default', './test/summary-reporter.ts'],
    projects: [
      {
        test: {
          ...shared,
          name: 'all',
          include: ['src/**/*.test.ts', 'test/**/*.test.ts', 'demo/**/*.test.ts'],
          exclude: [...elsewhere, ...otherServers],
        },
      },
      {
        test: {
          ...shared,
          name: 'unit',
          include: ['src/**/*.test.ts', 'test/*.test.ts'],
          exclude: [...elsewhere, ...slow, ...otherServers],
        },
      },
      { test: { ...shared, name: 'services', include: [...onEveryPostgres, ...otherServers], exclude: elsewhere } },
    ],
  },
})
