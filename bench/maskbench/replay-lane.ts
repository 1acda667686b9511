import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { ReplayResult } from './replay.ts'
import type { ReplayData } from './replay-worker.ts'

/** A file whose replay takes longer hangs, however busy the machine is. */
const deadlineMs = 120_000

/** The server's limit for a grammar thread. */
const maxHeapMb = 512

/** Replays files one after another on a thread, and on a new one after each that hangs or crashes it. */
export class ReplayLane {
  readonly #data: ReplayData
  #worker: Worker | null = null

  constructor(data: ReplayData) {
    this.#data = data
  }

  async replay(file: string): Promise<ReplayResult> {
    this.#worker ??= new Worker(new URL('./replay-worker.ts', import.meta.url), {
      workerData: this.#data,
      resourceLimits: { maxOldGenerationSizeMb: maxHeapMb },
    })
    const worker = this.#worker
    const signal = AbortSignal.timeout(deadlineMs)
    try {
      worker.postMessage(file)
      // rejects when the thread reports an error, running out of memory among them
      const [result] = (await once(worker, 'message', { signal })) as [ReplayResult]
      return result
    } catch (error) {
      await this.close()
      const verdict = signal.aborted ? 'hang' : 'crash'
      return {
        verdict,
        note: String(error),
        compileMs: null,
        masksMs: new Float64Array(),
        masksClockMs: new Float64Array(),
      }
    }
  }

  async close(): Promise<void> {
    await this.#worker?.terminate()
    this.#worker = null
  }
}
