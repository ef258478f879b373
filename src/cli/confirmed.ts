import { createInterface } from 'node:readline/promises'
import { MillraceError } from '../errors/millrace-error.ts'

/** Asks before something goes for good. Where nobody can answer `--yes` is needed. */
export async function confirmed(question: string, { yes, command }: { yes: boolean | undefined; command: string }): Promise<boolean> {
  if (yes) return true
  if (!process.stdin.isTTY)
    throw new MillraceError('CLI_USAGE', { reason: `\`${command}\` asks first; give --yes where nobody can answer.`, command })
  const prompt = createInterface({ input: process.stdin, output: process.stderr })
  const answer = await prompt.question(`${question} Type yes: `)
  prompt.close()
  return answer.trim().toLowerCase() === 'yes'
}
