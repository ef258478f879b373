import { expect, test } from 'vitest'
import { pipelineName } from './command-line-config.ts'

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
