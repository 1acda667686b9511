import type { Samples } from '../figures.ts'
import { randomGlmOcr } from '../models.ts'
import { Rival } from './rival.ts'

const PROMPT = 64
/** A 336 × 336 picture in patches of 14. */
const SIDE = 24
const WORDS = 40

/** The same weights in bf16 on PyTorch's CPU: one stream, a static batch of eight, and the first token about a picture. */
export async function measureHuggingFace(
  { root, python }: { root: string; python: string },
  threads: number,
  samples: Samples,
): Promise<void> {
  const rival = await Rival.start(python, './huggingface.py', [await randomGlmOcr(root), String(threads)])
  try {
    const decode = (rows: number, tokens: number) =>
      rival.ask<{ decode: number; whole: number }>({ measure: 'decode', rows, prompt: PROMPT, tokens })
    const one = await decode(1, 16)
    samples.add('hf_decode_1', one.decode)
    samples.add('hf_whole_1', one.whole)
    samples.add('hf_decode_8', (await decode(8, 8)).decode)
    const { seconds } = await rival.ask<{ seconds: number }>({
      measure: 'first_token',
      side: SIDE,
      words: WORDS,
    })
    samples.add('hf_ttft_ms', seconds * 1000)
  } finally {
    await rival.stop()
  }
}
