import { ConfigError, describeFlags, type ParsedCommandLine, parseConfig } from '../config.ts'
import type { CommandIo } from './command-io.ts'

/**
 * Parses a command's flags, or says what is wrong or asked for and returns the exit code.
 * @param usage first line of the command's help
 */
export function readConfig(
  args: readonly string[],
  io: CommandIo,
  usage: string,
): ParsedCommandLine | number {
  try {
    const parsed = parseConfig(args, io.env)
    if (!parsed.help) return parsed
    io.stdout.write(`usage: npm run glm -- ${usage}\n\n${describeFlags()}\n`)
    return 0
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    for (const problem of error.problems) io.stderr.write(`${problem}\n`)
    return 2
  }
}
