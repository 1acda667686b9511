import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ChatMessage } from '../../backend/chat/messages.ts'

/** What the reference implementation made of one request. */
export interface ExpectedCase {
  readonly name: string
  /** As the reference's chat template took them. */
  readonly messages: readonly ChatMessage[]
  readonly thinking: boolean | null
  /** Paths of the picture files, in order. */
  readonly pictures: readonly string[]
  readonly ids: readonly number[]
  /** [3, ids.length] */
  readonly positions: Int32Array
  readonly ropeDelta: number
  /** Empty for a case without pictures. */
  readonly grids: readonly { readonly height: number; readonly width: number }[]
  /** null for a case without pictures, or when the recording holds only some of the patches. */
  readonly pixels: Float32Array | null
  /** The same, or as many of the first patches as were recorded. */
  readonly firstPixels: Float32Array
  readonly features: Float32Array
  readonly generated: readonly number[]
  /** [generated.length, vocab]: the logits each generated token was the largest of. */
  readonly stepLogits: Float32Array
}

interface IndexEntry {
  readonly tensors: string
  readonly messages: readonly ChatMessage[]
  readonly enable_thinking: boolean | null
  readonly images: readonly string[]
}

/** Reads a folder's `expected/`: `index.json` and one file of tensors a case. */
export function readExpectedCases(modelDir: string): ExpectedCase[] {
  const dir = join(modelDir, 'expected')
  const index: IndexEntry[] = JSON.parse(readFileSync(join(dir, 'index.json'), 'utf8'))
  return index.map(({ tensors, messages, enable_thinking, images }) => {
    const read = readTensors(join(dir, tensors))
    const grid = read('image_grid_thw')
    const grids = Array.from({ length: grid.length / 3 }, (_, i) => ({
      height: grid[3 * i + 1] ?? 0,
      width: grid[3 * i + 2] ?? 0,
    }))
    const patches = grids.reduce((sum, { height, width }) => sum + height * width, 0)
    const pixels = read('pixel_values')
    return {
      name: tensors.replace('.safetensors', ''),
      messages,
      thinking: enable_thinking,
      pictures: images.map((image) => join(dir, image)),
      ids: [...read('input_ids')],
      positions: Int32Array.from(read('position_ids')),
      ropeDelta: read('rope_delta')[0] ?? 0,
      grids,
      pixels: patches > 0 && pixels.length % patches === 0 && pixels.length >= patches ? pixels : null,
      firstPixels: pixels,
      features: read('image_features'),
      generated: [...read('generated_ids')],
      stepLogits: read('step_logits'),
    }
  })
}

/** A plain reader of its own: the converter's is what the tests are about. Values as f32; empty when absent. */
function readTensors(file: string) {
  const bytes = readFileSync(file)
  const dataStart = 8 + Number(bytes.readBigUInt64LE(0))
  const header: Record<string, { dtype: string; data_offsets: [number, number] }> = JSON.parse(
    bytes.subarray(8, dataStart).toString('utf8'),
  )
  return (name: string): Float32Array => {
    const entry = header[name]
    if (!entry) return new Float32Array(0)
    const [begin, end] = entry.data_offsets
    const data = bytes.buffer.slice(bytes.byteOffset + dataStart + begin, bytes.byteOffset + dataStart + end)
    if (entry.dtype === 'F32') return new Float32Array(data as ArrayBuffer)
    if (entry.dtype === 'F16') return Float32Array.from(new Float16Array(data as ArrayBuffer))
    return Float32Array.from(new BigInt64Array(data as ArrayBuffer), Number)
  }
}
