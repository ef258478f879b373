import { expect, test } from 'vitest'
import { commandLineConfig, pipelineName } from './command-line-config.ts'

test.each([
  ['postgres://ada:x@db:5432/shop', 'shop'],
  ['postgresql://db/My-Shop.2?sslmode=require', 'my_shop_2'],
  ['postgres://ada@db', 'ada'],
  ['postgres://a:1,b:2/shop', 'shop'],
  ['postgres://?dbname=shop&user=ada', 'shop'],
  ["host=db dbname='shop' user=ada", 'shop'],
  ['host=db user=ada', 'ada'],
  ['postgres://db/%E5%BA%97', 'millrace'],
  [`postgres://db/${'a'.repeat(63)}`, 'a'.repeat(46)],
])('names the pipeline of %s %s', (url, name) => expect(pipelineName(url)).toBe(name))

test.each(['https://hooks.example/in?a=b', 'http://localhost:8080/', 'https://ada:secret@hooks.example'])('%s is a sink', async (url) => {
  const { sinks } = await commandLineConfig('postgres://db/shop', [url], process.cwd())
  expect(sinks).toMatchObject([{ name: 'http', type: 'http', config: { url } }])
})

test.each(['https:', 'https:/x', 'http:///x', 'htps://hooks.example', 'gopher://x'])('%s is none', async (url) => {
  await expect(commandLineConfig('postgres://db/shop', [url], process.cwd())).rejects.toMatchObject({ code: 'SINK_URL_INVALID' })
})
