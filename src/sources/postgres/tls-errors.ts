import type { ErrorFields } from '../../errors/millrace-error.ts'
import type { ErrorCode } from '../../errors/table.ts'

const UNTRUSTED = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'CERT_UNTRUSTED',
  'CERT_SIGNATURE_FAILURE',
  'INVALID_CA',
])
const OUT_OF_DATE = new Set(['CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID'])

/** Whether it is about TLS at all. */
export function isTlsFailure(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  return (
    /^(ERR_TLS|ERR_SSL|ERR_OSSL|CERT_|UNABLE_TO_|DEPTH_ZERO|SELF_SIGNED|HOSTNAME_MISMATCH|INVALID_CA|EPROTO)/.test(codeOf(error)) ||
    NO_TLS.test(error.message) ||
    /\bSSL connection/.test(error.message)
  )
}

/** pg's words for the one byte by which a server declines. */
const NO_TLS = /does not support SSL/

/** What it is about, as a code of the table with its fields. */
export function explainTls(error: Error, { host = 'the server' }: { host?: string }): readonly [ErrorCode, ErrorFields] {
  const [code, reason] = [codeOf(error), (error.message.split('\n')[0] ?? '').replace(/[.\s]+$/, '')]
  if (NO_TLS.test(error.message)) return ['SOURCE_TLS_MISSING', { host }]
  if (UNTRUSTED.has(code)) return ['SOURCE_TLS_UNTRUSTED', { host, reason }]
  if (OUT_OF_DATE.has(code)) return ['SOURCE_TLS_EXPIRED', { host, reason }]
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return ['SOURCE_TLS_NAME', { host, reason: namesIn(error) ?? reason }]
  return ['SOURCE_TLS', { reason }]
}

/** Node tells which names the certificate has. */
function namesIn(error: Error): string | null {
  const { cert } = error as Error & { cert?: { subjectaltname?: string; subject?: { CN?: string } } }
  const names = cert?.subjectaltname ?? cert?.subject?.CN
  return names === undefined ? null : `it names ${names}`
}

function codeOf(error: Error): string {
  return (error as NodeJS.ErrnoException).code ?? ''
}
