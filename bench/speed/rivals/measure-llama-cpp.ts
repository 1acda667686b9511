import { execFile } from 'node:child_process'
import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Samples } from '../figures.ts'
import { Rival } from './rival.ts'

const run = promisify(execFile)
const PROMPT = 256
const TOKENS = 32

interface Options {
  readonly root: string
  readonly python: string
  readonly llama?: string | undefined
}

/** A text decoder of the same shapes at the same bits: prefill, and 1, 4 and 8 sequences at once. */
export async function measureLlamaCpp({ root, python, llama }: Options, threads: number, samples: Samples) {
  if (llama === undefined) throw new Error('--llama DIR, a folder with node-llama-cpp, was not given')
  for (const kind of ['q8_0', 'q4_0']) {
    const file = await gguf(root, python, kind)
    const rival = await Rival.start(process.execPath, './llamacpp.mjs', [llama, file, String(threads)])
    try {
      for (const rows of [1, 4, 8]) {
        const question = { rows, prompt: PROMPT, tokens: TOKENS }
        const { prefill, decode } = await rival.ask<{ prefill: number; decode: number }>(question)
        samples.add(`llamacpp_${kind}_decode_${rows}`, decode)
        samples.add(`llamacpp_${kind}_prefill`, prefill)
      }
    } finally {
      await rival.stop()
    }
  }
}

async function gguf(root: string, python: string, kind: string): Promise<string> {
  const file = join(root, `glm-ocr-${kind}.gguf`)
  const exists = await access(file).then(
    () => true,
    () => false,
  )
  const script = fileURLToPath(new URL('./write_gguf.py', import.meta.url))
  if (!exists) await run(python, [script, file, kind])
  return file
}
