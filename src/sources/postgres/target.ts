import type { PostgresConfig } from './config.ts'
import { parseSourceUrl, type SourceTarget } from './source-url.ts'

/** Where a pipeline's configuration leads. The server shows `millrace:NAME` for its sessions, unless the configuration says otherwise. */
export function targetOf(config: Pick<PostgresConfig, 'url'>, pipeline: string): SourceTarget {
  return parseSourceUrl(config.url, { applicationName: `millrace:${pipeline}` })
}
