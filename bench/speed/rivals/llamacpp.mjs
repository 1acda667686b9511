// Answers measurements of a GGUF file run by llama.cpp, through node-llama-cpp: one JSON a line.
//
//     node llamacpp.mjs FOLDER_WITH_NODE_LLAMA_CPP MODEL.gguf THREADS
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'

const [folder, modelPath, threads] = process.argv.slice(2)
const entry = createRequire(join(folder, 'package.json')).resolve('node-llama-cpp')
const { getLlama } = await import(pathToFileURL(entry).href)
const llama = await getLlama({ gpu: false, build: 'never', maxThreads: Number(threads), skipDownload: true })
const model = await llama.loadModel({ modelPath })
const random = (count) => Array.from({ length: count }, () => 1000 + Math.floor(Math.random() * 40_000))

/** Tokens a second of `rows` sequences decoded together, and of one prompt's prefill. */
async function measure({ rows, prompt, tokens }) {
  const context = await model.createContext({
    sequences: rows,
    contextSize: prompt + tokens + 8,
    threads: Number(threads),
    batchSize: Math.max(512, prompt),
  })
  const sequences = Array.from({ length: rows }, () => context.getSequence())
  const startMs = performance.now()
  await sequences[0].evaluateWithoutGeneratingNewTokens(random(prompt))
  const prefillMs = performance.now() - startMs
  for (const sequence of sequences.slice(1)) await sequence.evaluateWithoutGeneratingNewTokens(random(prompt))
  const decodeStartMs = performance.now()
  await Promise.all(
    sequences.map(async (sequence) => {
      let written = 0
      const answer = sequence.evaluate(random(1), { temperature: 0, yieldEogToken: true })
      for await (const _ of answer) if (++written === tokens) break
    }),
  )
  const decodeMs = performance.now() - decodeStartMs
  await context.dispose()
  return { prefill: (prompt / prefillMs) * 1000, decode: ((rows * tokens) / decodeMs) * 1000 }
}

console.log(JSON.stringify({ ready: true }))
for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await measure(JSON.parse(line))))
}
process.exit()
