import assert from 'node:assert'
import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import type { HookTools, Plugin, Question } from './plugin.ts'
import { type Call, type FromThread, hookNames, type ThreadData, type ToThread } from './protocol.ts'

/** The thread's side: one plug-in, whose hooks are called one at a time. */
class PluginHost {
  readonly #port: MessagePort
  readonly #plugin: Plugin
  readonly #questions = new Map<number, PromiseWithResolvers<string>>()
  readonly #tools: HookTools = { ask: (question) => this.#ask(question) }
  #asked = 0

  constructor(port: MessagePort, plugin: Plugin) {
    this.#port = port
    this.#plugin = plugin
    port.on('message', (message: ToThread) => this.#receive(message))
    this.#post({ type: 'ready', hooks: hookNames.filter((name) => typeof plugin[name] === 'function') })
  }

  #receive(message: ToThread): void {
    if (message.type === 'call') return void this.#run(message.call)
    const question = this.#questions.get(message.id)
    this.#questions.delete(message.id)
    if (message.type === 'answer') question?.resolve(message.text)
    else question?.reject(new Error(message.reason))
  }

  async #run(call: Call): Promise<void> {
    try {
      this.#post({ type: 'returned', value: await this.#call(call) })
    } catch (error) {
      this.#post({
        type: 'threw',
        detail: error instanceof Error ? (error.stack ?? error.message) : String(error),
      })
    }
  }

  #call(call: Call): unknown {
    switch (call.hook) {
      case 'decodeImage':
        return this.#plugin.decodeImage?.(call.input)
      case 'prepareRequest':
        return this.#plugin.prepareRequest?.(call.input, this.#tools)
      case 'finishText':
        return this.#plugin.finishText?.(call.input, this.#tools)
    }
  }

  #ask(question: Question): Promise<string> {
    const id = this.#asked
    this.#asked += 1
    const pending = Promise.withResolvers<string>()
    this.#post({ type: 'ask', id, question })
    this.#questions.set(id, pending)
    return pending.promise
  }

  #post(message: FromThread): void {
    this.#port.postMessage(message)
  }
}

async function load({ url }: ThreadData): Promise<Plugin> {
  const { plugin } = (await import(url)) as { plugin?: unknown }
  if (typeof plugin !== 'object' || plugin === null) throw new Error('it exports no object named plugin')
  return plugin
}

assert(parentPort !== null, 'runs as a worker thread')
new PluginHost(parentPort, await load(workerData))
