import { parseArgs } from 'node:util'
import { ConfigError } from '../config.ts'
import type { CommandIo } from './command-io.ts'

export interface Arguments<Name extends string> {
  /** Each option's text; absent: not given. */
  readonly values: Readonly<Partial<Record<Name, string>>>
  readonly positionals: readonly string[]
}

export interface Usage<Name extends string> {
  /** First line of the help: the command and its positionals. */
  readonly usage: string
  /** Every option takes a value; the text is its line in the help. */
  readonly options: Readonly<Record<Name, string>>
}

/**
 * Parses a command's own options and hands them to `run`. Asked for help, or given something wrong, it says so and
 * returns the exit code itself.
 * @param run throws ConfigError for what is wrong with the values
 */
export async function withArguments<Name extends string>(
  args: readonly string[],
  io: CommandIo,
  { usage, options }: Usage<Name>,
  run: (parsed: Arguments<Name>) => Promise<number>,
): Promise<number> {
  try {
    const parsed = parse(args, Object.keys(options))
    if (parsed.values['help'] !== undefined) {
      const lines = Object.entries<string>(options).map(([name, text]) => `  --${name.padEnd(12)} ${text}\n`)
      io.stdout.write(`usage: npm run glm -- ${usage}\n\n${lines.join('')}`)
      return 0
    }
    // Only the names asked for are parsed, and each as a string.
    return await run(parsed as Arguments<Name>)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    io.stderr.write(`${error.message}\n`)
    return 2
  }
}

function parse(args: readonly string[], names: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        ...Object.fromEntries(names.map((name) => [name, { type: 'string' as const }])),
        help: { type: 'boolean' as const, short: 'h' },
      },
      allowPositionals: true,
    })
  } catch (error) {
    throw new ConfigError([error instanceof Error ? error.message : String(error)])
  }
}
