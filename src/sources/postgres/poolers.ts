/** What stands between us and the server, and where the server itself is. */
export type Pooler = { name: string; instead: string }
/** `transaction`: what a session sets is lost after each transaction; `session`: a session is whole, but none replicates. */
type KnownPooler = Pooler & { keeps: 'session' | 'transaction' }

const ITSELF = "the server's own host and port"

/** A pooler that its address gives away. The names are those of the providers' documentation (docs/guides/connecting.md). */
export function poolerAt(host: string, port: number, user = ''): KnownPooler | null {
  if (/-pooler\.[a-z0-9.-]*neon\.(tech|build)$/.test(host))
    return { name: "Neon's pooler", instead: host.replace('-pooler.', '.'), keeps: 'transaction' }
  if (/\.pooler\.supabase\.(com|co|green)$/.test(host))
    return { name: 'Supavisor', instead: supabaseHost(user), keeps: port === 6543 ? 'transaction' : 'session' }
  if (/^db\.[a-z0-9]+\.supabase\.(co|red)$/.test(host) && port === 6543)
    return { name: "Supabase's PgBouncer", instead: `${host}:5432`, keeps: 'transaction' }
  if (/\.proxy-[a-z0-9]+\.[a-z0-9-]+\.rds\.amazonaws\.com(\.cn)?$/.test(host))
    return { name: 'RDS Proxy', instead: 'the endpoint of the instance, or of the cluster’s writer', keeps: 'session' }
  if (host.endsWith('.postgres.database.azure.com') && port === 6432)
    return { name: "Azure's PgBouncer", instead: `${host}:5432`, keeps: 'transaction' }
  if (host.endsWith('.ondigitalocean.com') && port === 25_061)
    return { name: "DigitalOcean's PgBouncer", instead: `${host}:25060`, keeps: 'transaction' }
  return null
}

/** The answers that only a pooler gives, and that say that what we need is not to be had from it. Their texts are not translated. */
const ANSWERS: readonly (readonly [RegExp, string])[] = [
  [/^unsupported startup parameter/i, 'PgBouncer'],
  [/^no such (database|user)(:|$)/, 'PgBouncer'],
  [/^bouncer config error/, 'PgBouncer'],
  [/^(\(ENOTFOUND\) )?tenant\b.*\bnot found/i, 'Supavisor'],
  [/^no tenant identifier provided/i, 'Supavisor'],
  [/^No pool configured for database/, 'PgCat'],
  [/\bRDS Proxy\b/i, 'RDS Proxy'],
  [/^odyssey: /, 'Odyssey'],
]

/** The pooler whose words these are, with its better address where the address tells. */
export function poolerAnswering(text: string, place: { host?: string; port?: number; user?: string }): Pooler | null {
  const found = ANSWERS.find(([pattern]) => pattern.test(text))
  if (!found) return null
  const known = poolerAt((place.host ?? '').replace(/:\d+$/, ''), place.port ?? 0, place.user)
  return known ?? { name: found[1], instead: ITSELF }
}

/** `postgres.abcd` is the user postgres of the project abcd. */
function supabaseHost(user: string): string {
  const project = /\.([a-z0-9]+)$/.exec(user)?.[1] ?? 'PROJECT'
  return `db.${project}.supabase.co:5432, as the user ${user.split('.')[0] || 'postgres'}`
}
