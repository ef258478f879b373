/** The system's own schemas never take part, whatever the patterns say. */
export function isSystemSchema(schema: string): boolean {
  return schema.startsWith('pg_') || schema === 'information_schema'
}
