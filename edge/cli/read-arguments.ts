import { type ParseArgsConfig, parseArgs } from 'node:util'

/** Reads the command line; one that cannot be read ends the program with a line that says why. */
export function readArguments<T extends ParseArgsConfig>(config: T): ReturnType<typeof parseArgs<T>> {
  try {
    return parseArgs(config)
  } catch (error) {
    console.error(error instanceof Error ? error.message : error)
    process.exit(2)
  }
}
