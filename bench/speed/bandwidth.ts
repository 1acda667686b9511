import { Worker } from 'node:worker_threads'

const BUFFER_BYTES = 512 * 1024 * 1024
const PASSES = 4

/** Looks for a byte that is not there: as fast as memory can be read (memchr). */
const source = `
  const { parentPort, workerData: { bytes, passes } } = require('node:worker_threads')
  const buffer = Buffer.alloc(bytes, 2)
  parentPort.on('message', () => {
    for (let i = 0; i < passes; i++) buffer.indexOf(1)
    parentPort.postMessage('done')
  })
  parentPort.postMessage('ready')
`

/** Bytes a second that `threads` threads read together from buffers larger than every cache: the best of some rounds. */
export async function readBandwidth(threads: number, rounds = 5): Promise<number> {
  const workerData = { bytes: BUFFER_BYTES, passes: PASSES }
  const workers = Array.from({ length: threads }, () => new Worker(source, { eval: true, workerData }))
  const all = () =>
    Promise.all(workers.map((worker) => new Promise((resolve) => worker.once('message', resolve))))
  await all()
  let best = 0
  for (let round = 0; round < rounds; round++) {
    const done = all()
    const startMs = performance.now()
    for (const worker of workers) worker.postMessage('go')
    await done
    best = Math.max(best, (threads * BUFFER_BYTES * PASSES) / ((performance.now() - startMs) / 1000))
  }
  await Promise.all(workers.map((worker) => worker.terminate()))
  return best
}
