import { strict as assert } from 'node:assert'
import { Worker } from 'node:worker_threads'
import {
  type FeatureId,
  type ModelRunner,
  type Row,
  RunnerLostError,
  type Sampled,
} from '../engine/runner.ts'
import type { Patches } from '../model/patches.ts'
import type { ModelOptions } from './model.ts'
import type { Call, FromWorker, ModelFacts, ToWorker } from './protocol.ts'
import type { WarmUp } from './warm-up.ts'

/** A step in flight may be long; after this the thread is ended without being asked. */
const closeTimeoutMs = 10_000

export interface StartRunnerOptions extends ModelOptions {
  /** Gives up loading. */
  readonly signal: AbortSignal
}

/**
 * Loads a converted model in a thread of its own and warms it up.
 * @throws ModelFolderError or Error with one line for the operator; the signal's reason when aborted
 */
export async function startRunner({ signal, ...options }: StartRunnerOptions): Promise<WorkerRunner> {
  signal.throwIfAborted()
  process.env['ORT_DISABLE_TELEMETRY'] ??= '1' // the library reads the process's own environment, not a thread's
  const worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData: options })
  const loaded = Promise.withResolvers<ModelFacts>()
  const onAbort = () => loaded.reject(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  worker.once('message', (message: FromWorker) => {
    assert(message.type === 'ready', 'the worker first says that it is ready')
    loaded.resolve(message.model)
  })
  worker.once('error', loaded.reject)
  worker.once('exit', (code) =>
    loaded.reject(new Error(`the model's thread ended while loading (code ${code})`)),
  )
  try {
    return new WorkerRunner(worker, await loaded.promise, options)
  } catch (error) {
    await worker.terminate()
    throw error
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

type Waiting = PromiseWithResolvers<readonly (Sampled | null)[]>

/** The model on the other side of a thread: a call becomes a message, the thread's end becomes a RunnerLostError. */
export class WorkerRunner implements ModelRunner {
  readonly slots: number
  readonly maxLength: number
  readonly vocabSize: number
  readonly featureBytesPerToken: number
  /** As the operator writes it: `cpu`. */
  readonly device: string
  /** Memory of the KV cache. */
  readonly kvBytes: number
  /** What the warm-up measured. */
  readonly warmUp: WarmUp
  readonly #worker: Worker
  readonly #exited = Promise.withResolvers<void>()
  readonly #waiting = new Map<number, Waiting>()
  #calls = 0
  #lost: RunnerLostError | null = null
  readonly #loss = Promise.withResolvers<RunnerLostError>()
  readonly lost = this.#loss.promise

  constructor(worker: Worker, facts: ModelFacts, { slots, maxLength }: ModelOptions) {
    this.slots = slots
    this.maxLength = maxLength
    this.vocabSize = facts.vocabSize
    this.featureBytesPerToken = facts.featureBytesPerToken
    this.device = facts.device
    this.kvBytes = facts.kvBytes
    this.warmUp = facts
    this.#worker = worker
    worker.on('message', (message: FromWorker) => this.#onMessage(message))
    worker.on('error', (error) => this.#onLost(error))
    worker.on('exit', (code) => {
      this.#onLost(new Error(`exit code ${code}`))
      this.#exited.resolve()
    })
  }

  async encode(patches: Patches, features: FeatureId): Promise<void> {
    await this.#call({ type: 'encode', patches, features }, [patches.pixels.buffer])
  }

  release(features: FeatureId): void {
    if (this.#lost === null) this.#post({ type: 'release', features })
  }

  step(rows: readonly Row[]): Promise<readonly (Sampled | null)[]> {
    return this.#call({ type: 'step', rows })
  }

  async close(): Promise<void> {
    if (this.#lost !== null) return this.#exited.promise
    this.#post({ type: 'close' })
    const timer = setTimeout(() => void this.#worker.terminate(), closeTimeoutMs)
    await this.#exited.promise
    clearTimeout(timer)
  }

  #call(call: Call, transfer: readonly ArrayBuffer[] = []): Promise<readonly (Sampled | null)[]> {
    if (this.#lost !== null) return Promise.reject(this.#lost)
    const waiting: Waiting = Promise.withResolvers()
    this.#waiting.set(++this.#calls, waiting)
    this.#post({ ...call, call: this.#calls }, transfer)
    return waiting.promise
  }

  #post(message: ToWorker, transfer: readonly ArrayBuffer[] = []): void {
    this.#worker.postMessage(message, transfer)
  }

  #onMessage(message: FromWorker): void {
    if (message.type === 'ready') return
    const waiting = this.#waiting.get(message.call)
    this.#waiting.delete(message.call)
    if (message.type === 'done') waiting?.resolve(message.sampled)
    else waiting?.reject(message.error)
  }

  #onLost(cause: unknown): void {
    this.#lost ??= new RunnerLostError("the model's thread has ended", { cause })
    this.#loss.resolve(this.#lost)
    for (const waiting of this.#waiting.values()) waiting.reject(this.#lost)
    this.#waiting.clear()
  }
}
