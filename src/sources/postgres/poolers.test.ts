import { expect, test } from 'vitest'
import { poolerAnswering, poolerAt } from './poolers.ts'

test.each<[string, number, string, string | null, string]>([
  ['ep-cool-darkness-123456-pooler.us-east-2.aws.neon.tech', 5432, '', "Neon's pooler", 'ep-cool-darkness-123456.us-east-2.aws.neon.tech'],
  ['ep-cool-darkness-123456.us-east-2.aws.neon.tech', 5432, '', null, ''],
  ['aws-0-eu-central-1.pooler.supabase.com', 6543, 'postgres.abcdefgh', 'Supavisor', 'db.abcdefgh.supabase.co:5432, as the user postgres'],
  ['aws-0-eu-central-1.pooler.supabase.com', 5432, 'etl.abcdefgh', 'Supavisor', 'db.abcdefgh.supabase.co:5432, as the user etl'],
  ['db.abcdefgh.supabase.co', 6543, 'postgres', "Supabase's PgBouncer", 'db.abcdefgh.supabase.co:5432'],
  ['db.abcdefgh.supabase.co', 5432, 'postgres', null, ''],
  ['shop.proxy-abc123.eu-west-1.rds.amazonaws.com', 5432, '', 'RDS Proxy', 'the endpoint of the instance, or of the cluster’s writer'],
  ['shop.abc123.eu-west-1.rds.amazonaws.com', 5432, '', null, ''],
  ['shop.postgres.database.azure.com', 6432, '', "Azure's PgBouncer", 'shop.postgres.database.azure.com:5432'],
  ['shop.postgres.database.azure.com', 5432, '', null, ''],
  ['db.example.com', 6432, '', null, ''],
])('%s:%i (%s) is %s', (host, port, user, ...[name, instead]) => {
  const found = poolerAt(host, port, user)
  expect(found?.name ?? null).toBe(name)
  if (found) expect(found.instead).toBe(instead)
})

test.each<[string, string | null]>([
  ['unsupported startup parameter: replication', 'PgBouncer'],
  ['unsupported startup parameter in options: lock_timeout', 'PgBouncer'],
  ['no such database: shop', 'PgBouncer'],
  ['Tenant or user not found', 'Supavisor'],
  ['(ENOTFOUND) tenant/user postgres.x not found', 'Supavisor'],
  ['No pool configured for database: "shop", user: "ada"', 'PgCat'],
  ["Feature not supported: RDS Proxy currently doesn't support streaming replication mode", 'RDS Proxy'],
  ['This RDS proxy has no credentials for the role ada', 'RDS Proxy'],
  ["odyssey: c7f6: route for 'shop.ada' is not found", 'Odyssey'],
  // Trouble that passes by itself, and the server's own words.
  ['query_wait_timeout', null],
  ['database "shop" does not exist', null],
  ['password authentication failed for user "ada"', null],
])('"%s" comes from %s', (text, name) => {
  expect(poolerAnswering(text, {})?.name ?? null).toBe(name)
})
