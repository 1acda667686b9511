import assert from 'node:assert'
import { parentPort } from 'node:worker_threads'
import type { Patches } from '../model/patches.ts'
import { configureDecoder, DecodeTimeoutError, UndecodableError } from './decode.ts'
import { type PrepareTask, prepare } from './prepare.ts'

/** The thread's whole vocabulary: it is sent one `PrepareTask` at a time and answers each with one of these. */
export type WorkerReply =
  | { readonly type: 'done'; readonly patches: Patches }
  /** The picture is at fault. `detail` is for the log. */
  | { readonly type: 'undecodable'; readonly detail: string }
  | { readonly type: 'too_slow'; readonly detail: string }
  | { readonly type: 'failed'; readonly detail: string }

assert(parentPort !== null, 'the patch worker runs in a worker thread')
const port = parentPort

configureDecoder()
port.on('message', (task: PrepareTask) => {
  void answer(task).then((reply) => {
    port.postMessage(reply, reply.type === 'done' ? [reply.patches.pixels.buffer] : [])
  })
})

async function answer(task: PrepareTask): Promise<WorkerReply> {
  try {
    return { type: 'done', patches: await prepare(task) }
  } catch (error) {
    if (error instanceof UndecodableError)
      return { type: 'undecodable', detail: String(error.cause ?? error.message) }
    if (error instanceof DecodeTimeoutError) return { type: 'too_slow', detail: error.message }
    return { type: 'failed', detail: error instanceof Error ? (error.stack ?? error.message) : String(error) }
  }
}
