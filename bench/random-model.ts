/**
 * Writes a model folder with random weights and the shapes of a published one, to measure what depends on size alone:
 * memory, disk and speed of a conversion.
 *
 *     node bench/random-model.ts --out DIR [--architecture glm4v|glm_ocr] [--layers N] [--depth N]
 *
 * `--layers` (decoder) and `--depth` (vision) cut the model short without making any tensor smaller. Three decoder
 * layers and two vision blocks of glm4v take 4.1 GB.
 */
import { copyFile, mkdir, open, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { buildGraphs } from '../backend/convert/build-graphs.ts'
import type { Matrix } from '../backend/convert/checkpoint/matrix.ts'
import { weightFormats } from '../backend/convert/weights/weight-formats.ts'
import { readModelConfig } from '../backend/model/read-model-config.ts'

/** Values of the published configurations; token ids are those of the small model whose tokenizer is lent. */
const presets = {
  glm4v: {
    text: { vocab_size: 151_552, hidden_size: 4096, intermediate_size: 13_696, num_hidden_layers: 40 },
    attention: { num_attention_heads: 32, num_key_value_heads: 2, head_dim: 128, attention_bias: true },
    rope: {
      rope_type: 'default',
      rope_theta: 500_000,
      partial_rotary_factor: 0.5,
      mrope_section: [8, 12, 12],
    },
    vision: { depth: 24, hidden_size: 1536, num_heads: 12, intermediate_size: 13_696, out_hidden_size: 4096 },
  },
  glm_ocr: {
    text: { vocab_size: 59_392, hidden_size: 1536, intermediate_size: 4608, num_hidden_layers: 16 },
    attention: { num_attention_heads: 16, num_key_value_heads: 8, head_dim: 128, attention_bias: false },
    rope: { rope_type: 'default', rope_theta: 10_000, partial_rotary_factor: 1, mrope_section: [16, 24, 24] },
    vision: { depth: 24, hidden_size: 1024, num_heads: 16, intermediate_size: 4096, out_hidden_size: 1536 },
  },
} as const

const lentFrom = join(import.meta.dirname, '../models/glm4v-tiny')
const maxShardBytes = 2 * 1024 ** 3
const noiseElements = 8 * 1024 * 1024

interface NamedShape {
  readonly name: string
  readonly shape: readonly number[]
}

async function main() {
  const { values } = parseArgs({
    options: {
      out: { type: 'string' },
      architecture: { type: 'string', default: 'glm4v' },
      layers: { type: 'string' },
      depth: { type: 'string' },
    },
  })
  const { out, architecture } = values
  if (out === undefined || (architecture !== 'glm4v' && architecture !== 'glm_ocr')) {
    throw new Error(
      'usage: node bench/random-model.ts --out DIR [--architecture glm4v|glm_ocr] [--layers N] [--depth N]',
    )
  }
  await mkdir(out)
  await writeConfig(out, architecture, { layers: values.layers, depth: values.depth })
  const shards = splitIntoShards(await tensorsOf(out))
  const weightMap: Record<string, string> = {}
  for (const [i, tensors] of shards.entries()) {
    const number = (n: number) => String(n).padStart(5, '0')
    const file = `model-${number(i + 1)}-of-${number(shards.length)}.safetensors`
    await writeShard(join(out, file), tensors)
    for (const { name } of tensors) weightMap[name] = file
    console.log(`${file}: ${tensors.length} tensors`)
  }
  await writeJson(out, 'model.safetensors.index.json', { metadata: {}, weight_map: weightMap })
}

async function writeConfig(
  out: string,
  architecture: keyof typeof presets,
  cut: { layers: string | undefined; depth: string | undefined },
) {
  const { text, attention, rope, vision } = presets[architecture]
  await writeJson(out, 'config.json', {
    model_type: architecture,
    image_token_id: 806,
    image_start_token_id: 782,
    image_end_token_id: 783,
    text_config: {
      ...text,
      ...attention,
      num_hidden_layers: Number(cut.layers ?? text.num_hidden_layers),
      max_position_embeddings: 131_072,
      eos_token_id: [772, 779, 781],
      rope_parameters: rope,
    },
    vision_config: { ...vision, depth: Number(cut.depth ?? vision.depth), image_size: 336, patch_size: 14 },
  })
  await writeJson(out, 'preprocessor_config.json', { patch_size: 14 })
  for (const file of ['tokenizer.json', 'tokenizer_config.json', 'chat_template.jinja']) {
    await copyFile(join(lentFrom, file), join(out, file))
  }
}

/** What a conversion of this configuration asks for. */
async function tensorsOf(dir: string): Promise<NamedShape[]> {
  const tensors: NamedShape[] = []
  const recorder = {
    matrix(name: string, shape: readonly number[]): Matrix {
      tensors.push({ name, shape })
      const [rows = 1, ...rest] = shape
      return { name, rows, columns: elements(rest), read: () => Promise.reject(new Error('shapes only')) }
    },
  }
  buildGraphs(await readModelConfig(dir), recorder, weightFormats('fp32', 'cpu'))
  return tensors
}

function splitIntoShards(tensors: readonly NamedShape[]): NamedShape[][] {
  const shards: NamedShape[][] = []
  let room = 0
  for (const tensor of tensors) {
    const bytes = elements(tensor.shape) * 2
    if (bytes > room) {
      shards.push([])
      room = maxShardBytes
    }
    shards.at(-1)?.push(tensor)
    room -= bytes
  }
  return shards
}

async function writeShard(path: string, tensors: readonly NamedShape[]) {
  let end = 0
  const entries = tensors.map(({ name, shape }) => {
    const begin = end
    end += elements(shape) * 2
    return [name, { dtype: 'BF16', shape, data_offsets: [begin, end] }]
  })
  const header = Buffer.from(JSON.stringify(Object.fromEntries(entries)))
  const prefix = Buffer.alloc(8)
  prefix.writeBigUInt64LE(BigInt(header.length))
  const file = await open(path, 'wx')
  try {
    await file.appendFile(Buffer.concat([prefix, header]))
    for (const { name, shape } of tensors) {
      const values = noise(name, shape)
      for (let rest = elements(shape); rest > 0; rest -= values.length) {
        await file.appendFile(new Uint8Array(values.buffer, 0, Math.min(rest, values.length) * 2))
      }
    }
  } finally {
    await file.close()
  }
}

/** Drawn once, and entered by every tensor at a place of its own: drawing took most of the time. */
const bell = Float32Array.from(
  { length: noiseElements },
  // The sum of three uniforms is near enough to a bell.
  () => 2 * (Math.random() + Math.random() + Math.random() - 1.5),
)

/** bf16 values with the spread of trained weights: around 1 for norms, otherwise shrinking with the input's width. */
function noise(name: string, shape: readonly number[]): Uint16Array {
  const centre = name.includes('norm') && name.endsWith('weight') ? 1 : 0
  const spread = centre === 1 ? 0.1 : Math.max(elements(shape.slice(1)), 1) ** -0.5
  const floats = new Float32Array(Math.min(elements(shape), noiseElements))
  const start = Math.floor(Math.random() * noiseElements)
  for (let i = 0; i < floats.length; i += 1) {
    floats[i] = centre + spread * (bell[(start + i) % noiseElements] as number) // in bounds
  }
  const words = new Uint32Array(floats.buffer)
  const halves = new Uint16Array(words.length)
  for (let i = 0; i < words.length; i += 1) halves[i] = (words[i] as number) >>> 16 // in bounds
  return halves
}

function elements(shape: readonly number[]) {
  return shape.reduce((product, dim) => product * dim, 1)
}

async function writeJson(dir: string, name: string, value: unknown) {
  await writeFile(join(dir, name), JSON.stringify(value, null, 2))
}

await main()
