/**
 * How fast are we, against the machine and against what people would use instead? `npm run bench [-- --json]`
 *
 *     --json            one JSON object instead of the table
 *     --root DIR        where models are made and kept (5 GB; default .cache/bench)
 *     --rounds N        interleaved rounds (default 3); figures are medians
 *     --python CMD      a Python with torch, transformers and gguf (default python3)
 *     --llama DIR       a folder in which node-llama-cpp is installed; it stays out of our dependencies
 */
import { availableParallelism, cpus, loadavg } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { readBandwidth } from './bandwidth.ts'
import { decodeAlone, decodeTogether, prefillRate } from './decode.ts'
import { type Key, keys, Samples } from './figures.ts'
import { firstToken } from './first-token.ts'
import { convertedGlmOcr, type PreparedModel } from './models.ts'
import { fullLoad, overload } from './overload.ts'
import { measureHuggingFace } from './rivals/measure-hugging-face.ts'
import { measureLlamaCpp } from './rivals/measure-llama-cpp.ts'
import { type ProbedServer, startProbed } from './server.ts'

const STREAMS = 8
const LOAD_MS = 15_000
const threads = availableParallelism()

const { values: options } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    root: { type: 'string', default: fileURLToPath(new URL('../../.cache/bench', import.meta.url)) },
    rounds: { type: 'string', default: '3' },
    python: { type: 'string', default: 'python3' },
    llama: { type: 'string' },
  },
})

async function main() {
  const samples = new Samples()
  const models = {
    int8: await convertedGlmOcr(options.root, 'int8'),
    int4: await convertedGlmOcr(options.root, 'int4'),
  }
  const loadBefore = loadavg()[0] ?? Number.NaN
  for (let round = 0; round < Number(options.rounds); round++) {
    samples.add('bandwidth_bytes_per_s', await readBandwidth(threads))
    for (const model of Object.values(models)) {
      await samples.try(model.dtype, () => withServer(model, (server) => measureOurs(server, model, samples)))
    }
    await samples.try('Hugging Face', () => measureHuggingFace(options, threads, samples))
    await samples.try('llama.cpp', () => measureLlamaCpp(options, threads, samples))
  }
  await samples.try('overload', () => withServer(models.int8, (server) => measureOverload(server, samples)))
  report(samples, models, loadBefore)
}

async function withServer(model: PreparedModel, work: (server: ProbedServer) => Promise<void>) {
  const flags = [
    '--model-path',
    model.dir,
    '--max-batch-size',
    String(STREAMS),
    '--max-queue',
    String(STREAMS),
  ]
  const server = await startProbed(flags)
  try {
    await work(server)
  } finally {
    await server.stop()
  }
}

async function measureOurs(server: ProbedServer, { dtype }: PreparedModel, samples: Samples) {
  samples.add(`${dtype}_load_ms`, server.loadMs)
  samples.add(`${dtype}_decode_1`, await decodeAlone(server))
  const together = await decodeTogether(server, STREAMS)
  samples.add(`${dtype}_decode_8`, together.rate)
  samples.add(`${dtype}_decode_4`, (await decodeTogether(server, 4)).rate)
  samples.add(`${dtype}_prefill`, await prefillRate(server))
  samples.add(`${dtype}_resident_bytes`, await server.residentBytes())
  if (dtype !== 'int8') return
  samples.add('outside_ort_share', together.outsideShare)
  samples.add('outside_ort_share_top_p', (await decodeTogether(server, STREAMS, 0.9)).outsideShare)
  const { coldMs, repeatedMs } = await firstToken(server.url)
  samples.add('ttft_cold_ms', coldMs)
  samples.add('ttft_repeat_ms', repeatedMs)
}

async function measureOverload(server: ProbedServer, samples: Samples) {
  const full = await fullLoad(server, STREAMS * 2, LOAD_MS)
  const over = await overload(server, 10 * full.answerRate, LOAD_MS)
  samples.add('arrivals_per_s', 10 * full.answerRate)
  samples.add('full_load_rate', full.rate)
  samples.add('overload_rate', over.rate)
  samples.add('loop_delay_p99_ms', full.loopDelayP99Ms)
  samples.add('overload_loop_delay_p99_ms', over.loopDelayP99Ms)
  samples.add('refusal_p99_ms', over.refusalP99Ms)
  samples.add('refusals', over.refusals)
}

function figuresOf(samples: Samples, models: Record<'int8' | 'int4', PreparedModel>) {
  const share = (model: PreparedModel) => {
    const rate = samples.ratio(`${model.dtype}_decode_1`, 'bandwidth_bytes_per_s')
    return rate === null ? null : rate * model.decoderBytes
  }
  return {
    decode_share_1: share(models.int8),
    decode_share_1_int4: share(models.int4),
    tokens_8_over_1: samples.ratio('int8_decode_8', 'int8_decode_1'),
    ttft_repeat_over_cold: samples.ratio('ttft_repeat_ms', 'ttft_cold_ms'),
    vs_hf_1: samples.ratio('int8_decode_1', 'hf_decode_1'),
    vs_hf_static_8: samples.ratio('int8_decode_8', 'hf_decode_8'),
    vs_hf_sequential_8: samples.ratio('int8_decode_8', 'hf_whole_1'),
    ttft_vs_hf: samples.ratio('ttft_cold_ms', 'hf_ttft_ms'),
    vs_llamacpp_decode_1: samples.ratio('int8_decode_1', 'llamacpp_q8_0_decode_1'),
    vs_llamacpp_decode_4: samples.ratio('int8_decode_4', 'llamacpp_q8_0_decode_4'),
    vs_llamacpp_decode_8: samples.ratio('int8_decode_8', 'llamacpp_q8_0_decode_8'),
    vs_llamacpp_prefill: samples.ratio('int8_prefill', 'llamacpp_q8_0_prefill'),
    outside_ort_share: samples.median('outside_ort_share'),
    outside_ort_share_top_p: samples.median('outside_ort_share_top_p'),
    loop_delay_p99_ms: samples.median('loop_delay_p99_ms'),
    refusal_p99_ms: samples.median('refusal_p99_ms'),
    overload_goodput: samples.ratio('overload_rate', 'full_load_rate'),
  } satisfies Record<Key, number | null>
}

function report(samples: Samples, models: Record<'int8' | 'int4', PreparedModel>, loadBefore: number) {
  const figures = figuresOf(samples, models)
  const machine = `${threads} × ${cpus()[0]?.model ?? 'unknown'}, load ${loadBefore.toFixed(1)} before`
  const notes = [
    ...samples.notes,
    ...(loadBefore > 0.5 ? ['other programs were running: trust ratios only'] : []),
  ]
  if (options.json) {
    const raw = samples.medians()
    console.log(JSON.stringify({ ...figures, raw, notes, machine, date: new Date().toISOString() }))
    return
  }
  console.log(`${machine}, ${new Date().toISOString().slice(0, 10)}`)
  for (const key of keys) console.log(`${key.padEnd(26)}${figures[key]?.toFixed(3) ?? '–'}`)
  console.log('\nmedians')
  for (const [name, value] of Object.entries(samples.medians())) {
    console.log(`${name.padEnd(26)}${value?.toPrecision(4) ?? '–'}`)
  }
  for (const note of notes) console.log(`note: ${note}`)
}

await main()
