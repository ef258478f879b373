import { expect, test } from 'vitest'
import { redactUrls } from './redact-urls.ts'

test.each([
  ['postgres://ada:s3cret@db:5432/shop', 'postgres://ada:***@db:5432/shop'],
  ['at postgres://ada:p@ss:w/rd@db/shop now', 'at postgres://ada:***@db/shop now'],
  ['postgres://:x@db/shop', 'postgres://:***@db/shop'],
  ['postgres://ada@db/shop?password=x&sslmode=require', 'postgres://ada@db/shop?password=***&sslmode=require'],
  ['host=db password=abc user=ada', 'host=db password=*** user=ada'],
  ["host=db password = 'it\\'s mine' user=ada", 'host=db password = *** user=ada'],
  ["password='open", 'password=***'],
  ['postgres://ada:x@a:1,b:2/shop', 'postgres://ada:***@a:1,b:2/shop'],
  ['postgres://ada@db:5432/shop', 'postgres://ada@db:5432/shop'],
  ['nothing here: a@b', 'nothing here: a@b'],
])('%s becomes %s', (text, redacted) => expect(redactUrls(text)).toBe(redacted))
