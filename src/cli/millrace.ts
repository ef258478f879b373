#!/usr/bin/env node
// The bin. Written so that every Node that knows modules parses it: the version is looked at before anything newer is loaded.
const version = process.versions.node.split('.').map(Number)
const isOld = (version[0] || 0) < 22 || (version[0] === 22 && (version[1] || 0) < 18)

if (isOld) {
  process.stderr.write(
    'error: Millrace needs Node 22.18 or newer; this is ' +
      process.versions.node +
      '.\n  code  NODE_TOO_OLD\n  hint  Install a newer Node, or run it by `npx node@24`.\n  docs  docs/reference/errors.md#node_too_old\n',
  )
  process.exitCode = 2
} else {
  start(process.argv.slice(2))
}

/** What starts the process anew comes before everything that would then be loaded twice. */
async function start(args: string[]) {
  if (args[0] === 'run' || args[0] === 'snapshot') (await import('./young-generation.ts')).boundYoungGeneration()
  const cache = await import('./compile-cache.ts')
  cache.keepCompiled()
  const { main } = await import('./main.ts')
  await main(args)
}
