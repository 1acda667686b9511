import { strict as assert } from 'node:assert'
import { parentPort, workerData } from 'node:worker_threads'
import { Model, type ModelOptions } from './model.ts'
import type { FromWorker, ToWorker } from './protocol.ts'
import { warmUp } from './warm-up.ts'

// The entry of the model's thread: inference blocks the thread it runs on, so it has one of its own.
assert(parentPort !== null, 'this is the entry of a worker thread')
const port = parentPort
const model = await Model.open(workerData as ModelOptions) // what WorkerRunner passed
const { prefillChunk, prefillMs, decodeMs } = await warmUp(model, () => performance.now())
const send = (message: FromWorker) => port.postMessage(message)

/** Messages are taken one after the other: a step is over before the next message is looked at. */
let last = Promise.resolve()
port.on('message', (message: ToWorker) => {
  last = last.then(() => handle(message))
})

send({
  type: 'ready',
  model: {
    vocabSize: model.config.text.vocabSize,
    featureBytesPerToken: model.config.text.hiddenSize * Float32Array.BYTES_PER_ELEMENT,
    device: model.device,
    kvBytes: model.kvBytes,
    prefillChunk,
    prefillMs,
    decodeMs,
  },
})

async function handle(message: ToWorker): Promise<void> {
  switch (message.type) {
    case 'release':
      model.release(message.features)
      return
    case 'close':
      await model.close()
      port.close()
      return
    case 'encode':
      await answer(message.call, async () => {
        await model.encode(message.patches, message.features)
        return []
      })
      return
    case 'step':
      await answer(message.call, () => model.step(message.rows))
  }
}

async function answer(call: number, work: () => ReturnType<Model['step']>): Promise<void> {
  try {
    send({ type: 'done', call, sampled: await work() })
  } catch (error) {
    send({ type: 'failed', call, error })
  }
}
