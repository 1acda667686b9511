import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { type ServerType, serve } from '@hono/node-server'
import { createApp } from '../../backend/app.ts'
import { Completions } from '../../backend/completion/completions.ts'
import { Intake } from '../../backend/completion/intake.ts'
import { PluggedCompletions } from '../../backend/completion/plugged-completions.ts'
import { Prompts } from '../../backend/completion/prompts.ts'
import { tokenBytes } from '../../backend/completion/token-bytes.ts'
import { unknownDecoder } from '../../backend/completion/unknown-decoder.ts'
import { parseConfig } from '../../backend/config.ts'
import { Engine } from '../../backend/engine/engine.ts'
import { Grammars } from '../../backend/grammar/grammars.ts'
import { loadPlugins } from '../../backend/load-plugins.ts'
import { createLog } from '../../backend/log.ts'
import { readModelConfig } from '../../backend/model/read-model-config.ts'
import { Server } from '../../backend/server.ts'
import { defaultFetchLimits, ImageFetcher } from '../../backend/vision/image-fetcher.ts'
import { PatchPool } from '../../backend/vision/patch-pool.ts'
import { publicUrlPolicy } from '../../shared/url-rules.ts'
import { ScriptedRunner } from './scripted-runner.ts'
import { addedTokens, chatWith, toolsTemplate } from './tools-chat.ts'

const modelDir = join(import.meta.dirname, '../../models/glm4v-tiny')
const CONTEXT = 2048

export interface ScriptedServer {
  readonly url: string
  readonly runner: ScriptedRunner
  readonly server: Server
  close(): Promise<void>
}

/**
 * The real server, but for the model: it has a template with tools and writes what `runner.says` was told, so that
 * what clients get can be stated to the letter.
 */
export async function startScriptedServer(
  flags: readonly string[] = [],
  lines?: string[],
): Promise<ScriptedServer> {
  const chat = chatWith(toolsTemplate)
  const { config } = parseConfig(['--served-model-name', 'scripted', ...flags], {})
  const model = await readModelConfig(modelDir)
  const log = createLog({
    level: lines === undefined ? 'silent' : 'info',
    format: 'json',
    destination: { write: (line) => lines?.push(line) },
  })
  const server = new Server(config, log, '0', null)
  const plugins = await loadPlugins(config, log)
  const runner = new ScriptedRunner({
    slots: config.maxBatchSize,
    maxLength: CONTEXT,
    addedTokens,
    chat,
    eos: model.tokens.eos[0] ?? 0,
  })
  const engine = new Engine({
    runner,
    createRunner: null,
    maxQueue: config.maxQueue,
    maxQueuePerCaller: config.maxQueue,
    prefillChunk: 256,
    featureCacheBytes: config.imageCacheBytes,
    prefixCache: true,
    maxImageLoads: 2,
    now: Date.now,
    onRunnerError: () => {},
  })
  const limits = { maxBytes: config.maxImageBytes, maxPixels: config.maxImagePixels }
  const decodeUnknown = unknownDecoder(plugins, limits.maxPixels)
  const patches = new PatchPool({ threads: 1, maxQueue: 64, maxPixels: limits.maxPixels, timeoutMs: 10_000 })
  const fetcher = new ImageFetcher({ policy: publicUrlPolicy, limits: { ...defaultFetchLimits, ...limits } })
  const { memory } = server
  const prompts = new Prompts({
    chat,
    intake: new Intake({ fetcher, limits, maxImages: config.maxImages, memory, decodeUnknown }),
    patches,
    preprocessor: model.preprocessor,
    contextLength: CONTEXT,
    maxImageTokens: CONTEXT / 2,
    maxReading: config.maxQueue,
  })
  const { tokenizer } = chat
  const completions = new Completions({
    model,
    tokenizer,
    engine,
    prompts,
    contextLength: CONTEXT,
    onFinish: () => {},
  })
  const grammars = new Grammars({
    tokenBytes: tokenBytes(tokenizer, model.text.vocabSize),
    eosTokens: model.tokens.eos,
    maxThreads: 1,
  })
  const close = async () => {
    await engine.close()
    await patches.close()
    await grammars.close()
    await plugins?.close()
  }
  const description = {}
  const served = {
    name: 'scripted',
    device: 'cpu',
    config: model,
    contextLength: CONTEXT,
    loadedAtS: 0,
    description,
  }
  const services = {
    model: served,
    tokenizer,
    completions: plugins === null ? completions : new PluggedCompletions(completions, plugins),
    engine,
    grammars,
    drain: () => Promise.resolve(),
    close,
  }
  server.state = { status: 'healthy', services }

  const listening = Promise.withResolvers<ServerType>()
  const listener = serve({ fetch: createApp(server).fetch, hostname: '127.0.0.1', port: 0 }, () =>
    listening.resolve(listener),
  )
  const { port } = (await listening.promise).address() as AddressInfo // it listens on a port, not on a pipe
  return {
    url: `http://127.0.0.1:${port}`,
    runner,
    server,
    close: async () => {
      if ('closeAllConnections' in listener) listener.closeAllConnections()
      await new Promise((resolve) => listener.close(resolve))
      await close()
    },
  }
}
