import { ConfigError, environmentName, flags, parseConfig } from '../config.ts'
import { hubTokens, pullModel } from '../hub/pull-model.ts'
import type { CommandIo } from './command-io.ts'
import { runInterruptible } from './run-interruptible.ts'
import { withArguments } from './with-arguments.ts'

/** The server's flags that matter here: the same defaults, checks and environment variables. */
const pullFlags = ['source', 'hub-url', 'cache-dir'] as const

const usage = {
  usage: 'pull ORG/NAME [OPTIONS]',
  options: {
    source: flags.source.describe,
    'hub-url': flags['hub-url'].describe,
    'cache-dir': `${flags['cache-dir'].describe} (default ${flags['cache-dir'].fallback})`,
  },
}

/** Downloads a model into the cache and prints its folder. Resolves with the exit code. */
export function pullCommand(args: readonly string[], io: CommandIo): Promise<number> {
  return withArguments(args, io, usage, async ({ values, positionals }) => {
    const [repo] = positionals
    if (repo === undefined || positionals.length > 1) {
      throw new ConfigError(['pull takes one hub name, such as zai-org/GLM-4.6V-Flash'])
    }
    const given = pullFlags.flatMap((name) =>
      values[name] === undefined ? [] : [`--${name}=${values[name]}`],
    )
    const variables = pullFlags.map(environmentName).map((name) => [name, io.env[name]] as const)
    const { source, hubUrl, cacheDir } = parseConfig(given, Object.fromEntries(variables)).config
    const tokens = hubTokens(io.env)
    return runInterruptible(io, 'stopped; the same command goes on from here', (work) =>
      pullModel({ repo, source, hubUrl, cacheDir, tokens, ...work }),
    )
  })
}
