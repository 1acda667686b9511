import { basename } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { z } from 'zod'
import { ApiError } from '../../shared/errors.ts'
import { SemaphoreFullError } from '../vision/semaphore.ts'
import { HookPool } from './hook-pool.ts'
import type { FinishedAnswer, Pixels, PluginRequest, Question, Refusal } from './plugin.ts'
import { PluginThread } from './plugin-thread.ts'
import type { Call, HookName } from './protocol.ts'
import { questionSchema, resultSchemas } from './results.ts'

export interface PluginsOptions {
  /** Paths, in the order the hooks are called. */
  readonly files: readonly string[]
  /** One call of one hook. */
  readonly timeoutMs: number
  /** Of each hook of each plug-in. */
  readonly maxThreads: number
  readonly maxWaiting: number
  /** Told of everything that is a plug-in's fault. */
  readonly onFailure: (failure: PluginFailure) => void
}

export interface PluginFailure {
  readonly plugin: string
  readonly hook: HookName
  readonly error: unknown
}

export interface HookOptions {
  readonly signal: AbortSignal
  /** Field of the request a refusal is about. */
  readonly param?: string
  readonly ask: (question: Question, signal: AbortSignal) => Promise<string>
}

interface LoadedPlugin {
  readonly name: string
  readonly pools: ReadonlyMap<HookName, HookPool>
}

type Result<H extends HookName> = Exclude<z.infer<(typeof resultSchemas)[H]>, Refusal | undefined>

const noQuestions = () => Promise.reject(new Error('decodeImage asks nothing'))

/** The plug-ins of `--plugin`, each hook called in their order. */
export class Plugins {
  readonly #options: PluginsOptions
  readonly #plugins: readonly LoadedPlugin[]

  private constructor(options: PluginsOptions, plugins: readonly LoadedPlugin[]) {
    this.#options = options
    this.#plugins = plugins
  }

  /** Loads every file once, so that a broken one is known before anybody asks. @throws {Error} naming it. */
  static async load(options: PluginsOptions): Promise<Plugins> {
    return new Plugins(options, await Promise.all(options.files.map((file) => loadPlugin(file, options))))
  }

  has(hook: HookName): boolean {
    return this.#plugins.some(({ pools }) => pools.has(hook))
  }

  /** What the first plug-in that knows the format made of it; null: none does. @throws {ApiError} invalid_image */
  async decodeImage(bytes: Uint8Array, param: string, signal: AbortSignal): Promise<Pixels | null> {
    const options = { signal, param, ask: noQuestions }
    for (const plugin of this.#with('decodeImage')) {
      // a view is sent with its whole buffer: send a copy of the file
      const result = await this.#run(plugin, { hook: 'decodeImage', input: new Uint8Array(bytes) }, options)
      if (result !== null) return result as Pixels
    }
    return null
  }

  /** @throws {ApiError} plugin_refused */
  async prepareRequest(request: PluginRequest, options: HookOptions): Promise<PluginRequest> {
    let prepared = request
    for (const plugin of this.#with('prepareRequest')) {
      const result = await this.#run(plugin, { hook: 'prepareRequest', input: ownBytes(prepared) }, options)
      prepared = (result as PluginRequest | null) ?? prepared
    }
    return prepared
  }

  /** The same object if no plug-in changed it. @throws {ApiError} plugin_refused */
  async finishText(answer: FinishedAnswer, options: HookOptions): Promise<FinishedAnswer> {
    let finished = answer
    for (const plugin of this.#with('finishText')) {
      const result = (await this.#run(
        plugin,
        { hook: 'finishText', input: finished },
        options,
      )) as Result<'finishText'>
      const { content = finished.content, reasoning = finished.reasoning } = result ?? {}
      if (content !== finished.content || reasoning !== finished.reasoning) {
        finished = { ...finished, content, reasoning }
      }
    }
    return finished
  }

  async close(): Promise<void> {
    await Promise.all(this.#plugins.flatMap(({ pools }) => [...pools.values()].map((pool) => pool.close())))
  }

  #with(hook: HookName) {
    return this.#plugins.filter(({ pools }) => pools.has(hook))
  }

  /** @throws {ApiError} the plug-in refused, or failed; or what ended the request. */
  async #run({ name, pools }: LoadedPlugin, call: Call, options: HookOptions): Promise<unknown> {
    const { hook } = call
    const ask = (question: Question, signal: AbortSignal) =>
      options.ask(questionSchema.parse(question), signal)
    let result: z.infer<(typeof resultSchemas)[HookName]>
    try {
      const returned = await pools
        .get(hook)
        ?.run(call, { ...options, timeoutMs: this.#options.timeoutMs, ask })
      result = resultSchemas[hook].parse(returned)
    } catch (error) {
      options.signal.throwIfAborted()
      if (error instanceof SemaphoreFullError) {
        throw new ApiError('queue_full', 'too many requests wait for a plug-in', { retryAfterS: 1 })
      }
      this.#options.onFailure({ plugin: name, hook, error })
      throw new ApiError('plugin_error', 'a plug-in of this server failed')
    }
    if (result === null || result === undefined) return null
    if (!('refuse' in result)) return result
    const code = hook === 'decodeImage' ? 'invalid_image' : 'plugin_refused'
    throw new ApiError(code, result.refuse, options.param === undefined ? {} : { param: options.param })
  }
}

async function loadPlugin(file: string, { maxThreads, maxWaiting }: PluginsOptions): Promise<LoadedPlugin> {
  const url = pathToFileURL(file).href
  const thread = new PluginThread(url)
  try {
    const hooks = await thread.start()
    if (hooks.length === 0) throw new Error('its plugin has none of the hooks')
    const pools = hooks.map((hook) => [hook, new HookPool({ url, maxThreads, maxWaiting })] as const)
    return { name: basename(file), pools: new Map(pools) }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new Error(`cannot load the plug-in ${file}: ${reason}`, { cause: error })
  } finally {
    await thread.end(new Error('it was loaded to see its hooks'))
  }
}

/** A view is sent with its whole buffer, be it a request's body: send copies of the files. */
function ownBytes({ messages, images }: PluginRequest): PluginRequest {
  return {
    messages,
    images: images.map((image) =>
      image.type === 'bytes' ? { ...image, bytes: new Uint8Array(image.bytes) } : image,
    ),
  }
}
