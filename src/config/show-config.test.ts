import { expect, test } from 'vitest'
import { hideSecrets } from './show-config.ts'

test.each([
  [{ password: 'x' }, { password: '***' }],
  [{ password: '${env:X}' }, { password: '${env:X}' }],
  [{ secrets: ['x', '${file:y}'] }, { secrets: ['***', '${file:y}'] }],
  [{ transforms: [{ salt: 'x' }] }, { transforms: [{ salt: '***' }] }],
  [{ tls: { passphrase: 'x' } }, { tls: { passphrase: '***' } }],
  [{ tls: { key: '-----BEGIN EC PRIVATE KEY-----\nx' } }, { tls: { key: '***' } }],
  [{ tls: { cert: '-----BEGIN CERTIFICATE-----\nx' } }, { tls: { cert: '-----BEGIN CERTIFICATE-----\nx' } }],
  [{ headers: { 'X-Mine': 'x', other: '${env:X}' } }, { headers: { 'X-Mine': '***', other: '${env:X}' } }],
  [{ url: 'https://ada:x@host/?token=x' }, { url: 'https://ada:***@host/?token=***' }],
  [{ name: 'shop' }, { name: 'shop' }],
])('%o is shown as %o', (tree, shown) => expect(hideSecrets(tree)).toEqual(shown))
