import type { Config } from './config.ts'
import type { Log } from './log.ts'
import { Plugins } from './plugins/plugins.ts'

/** The plug-ins of `--plugin`; null: none. @throws {Error} naming the one that cannot be loaded. */
export async function loadPlugins(config: Config, log: Log): Promise<Plugins | null> {
  if (config.plugin.length === 0) return null
  return Plugins.load({
    files: config.plugin,
    timeoutMs: config.pluginTimeout * 1000,
    maxThreads: config.maxBatchSize,
    maxWaiting: config.maxQueue + config.maxBatchSize * config.maxImages,
    onFailure: ({ plugin, hook, error }) => log.error({ plugin, hook, err: error }, 'A plug-in failed'),
  })
}
