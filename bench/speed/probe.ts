/**
 * Preloaded into every thread of a served program: adds up the time inside ONNX Runtime, watches the main thread's event
 * loop, and tells the parent process when it asks.
 */
import { createRequire } from 'node:module'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { BroadcastChannel, isMainThread } from 'node:worker_threads'

const channel = new BroadcastChannel('runtime-ms')
channel.unref()

export interface Probed {
  /** Milliseconds inside `session.run` since the start, ... */
  readonly runtimeMs: number
  /** ... up to this moment, the end of the last of them. */
  readonly runtimeAtMs: number
  /** Of the event loop since the last question, beyond the histogram's own resolution. */
  readonly loopDelayP99Ms: number
}

const resolutionMs = 1

if (isMainThread) reportToParent()
else countRuntime()

function reportToParent() {
  let runtime = { runtimeMs: 0, runtimeAtMs: 0 }
  channel.onmessage = (event: unknown) => {
    runtime = (event as { data: typeof runtime }).data
  }
  const delay = monitorEventLoopDelay({ resolution: resolutionMs })
  delay.enable()
  process.on('message', () => {
    const loopDelayP99Ms = Math.max(0, delay.percentile(99) / 1e6 - resolutionMs)
    delay.reset()
    process.send?.({ ...runtime, loopDelayP99Ms } satisfies Probed)
  })
  process.channel?.unref()
}

function countRuntime() {
  const { InferenceSession } = createRequire(import.meta.url)('onnxruntime-node')
  const create = InferenceSession.create.bind(InferenceSession)
  let runtimeMs = 0
  InferenceSession.create = async (...args: unknown[]) => {
    const session = await create(...args)
    const run = session.run.bind(session)
    session.run = async (...feeds: unknown[]) => {
      const startMs = performance.now()
      const result = await run(...feeds)
      const endMs = performance.now()
      runtimeMs += endMs - startMs
      channel.postMessage({ runtimeMs, runtimeAtMs: performance.timeOrigin + endMs })
      return result
    }
    return session
  }
}
