import { z } from 'zod'
import { debeziumOptions } from '../../messages/debezium/options.ts'

export const config = z.strictObject(debeziumOptions)
