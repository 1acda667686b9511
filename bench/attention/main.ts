/**
 * Which form of attention reads the cache fastest, and what does room beyond the live entries cost?
 * `node bench/attention/main.ts` (CPU time of one thread, so that other programs disturb it little)
 */
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { type AttentionForm, type AttentionShape, grouped, writtenOut } from './forms.ts'

const ROUNDS = 15
const shapes = {
  'GLM-OCR': { layers: 4, heads: 16, kvHeads: 8, headSize: 128 },
  'GLM-4.6V-Flash': { layers: 4, heads: 32, kvHeads: 2, headSize: 128 },
} as const satisfies Record<string, AttentionShape>

const cases = [
  { rows: 1, live: 300, room: 320 },
  { rows: 1, live: 300, room: 2048 },
  { rows: 4, live: 300, room: 512 },
  { rows: 8, live: 300, room: 320 },
  { rows: 8, live: 300, room: 512 },
  { rows: 8, live: 1800, room: 2048 },
] as const

type Case = (typeof cases)[number]

/** Feeds of both forms; the graphs take what they know by name. */
function feedsOf(shape: AttentionShape, { rows, live, room }: Case) {
  const { heads, kvHeads, headSize } = shape
  const filled = (dims: readonly number[]) =>
    new Tensor('float32', new Float32Array(dims.reduce((a, b) => a * b)).fill(0.01), dims)
  const common: Record<string, Tensor> = {
    query: filled([rows, 1, heads * headSize]),
    key: filled([rows, 1, kvHeads * headSize]),
    seqlens_k: new Tensor('int32', new Int32Array(rows).fill(live), [rows]),
    total_sequence_length: new Tensor('int32', Int32Array.of(live + 1), []),
  }
  for (let layer = 0; layer < shape.layers; layer++) {
    common[`past_key.${layer}`] = filled([rows, kvHeads, room, headSize])
    common[`past_value.${layer}`] = filled([rows, kvHeads, room, headSize])
  }
  return {
    groupedFeeds: common,
    writtenFeeds: { ...common, rows: new Tensor('int64', new BigInt64Array(rows), [rows, 1]) },
  }
}

function open(form: AttentionForm, shape: AttentionShape) {
  return InferenceSession.create(form(shape), { intraOpNumThreads: 1, logSeverityLevel: 3 })
}

async function cpuMs(session: InferenceSession, feeds: Record<string, Tensor>): Promise<number> {
  const before = process.cpuUsage()
  await session.run(feeds, ['out'])
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000
}

async function main() {
  for (const [name, shape] of Object.entries(shapes)) {
    const [a, b] = [await open(grouped, shape), await open(writtenOut, shape)]
    for (const one of cases) {
      const { groupedFeeds, writtenFeeds } = feedsOf(shape, one)
      const times: [number[], number[]] = [[], []]
      for (let round = 0; round < ROUNDS; round++) {
        times[0].push(await cpuMs(a, groupedFeeds))
        times[1].push(await cpuMs(b, writtenFeeds))
      }
      const [operator, written] = times.map((list) => median(list) / shape.layers)
      const { rows, live, room } = one
      console.log(
        `${name}  rows ${rows}  live ${live}  room ${room}  operator ${operator?.toFixed(2)}  written out ${written?.toFixed(2)} ms a layer`,
      )
    }
  }
}

const median = (values: readonly number[]) =>
  values.toSorted((x, y) => x - y)[values.length >> 1] ?? Number.NaN

await main()
