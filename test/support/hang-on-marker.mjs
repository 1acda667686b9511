// Preloaded into the program's threads: the model's thread hangs in native code at a step that asks for `top_k` 7777.
import { execSync } from 'node:child_process'
import { isMainThread, parentPort } from 'node:worker_threads'

if (!isMainThread) {
  parentPort?.on('message', (message) => {
    if (message?.type === 'step' && message.rows.some((row) => row.sampling?.topK === 7777)) {
      execSync('sleep 60')
    }
  })
}
