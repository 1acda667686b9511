/**
 * What does a model of the published size take on this machine? Makes random weights in its exact shapes, converts them
 * to int4, serves them, prints one table row and deletes the files.
 *
 *     node bench/speed/true-size.ts --architecture glm4v|glm_ocr --root DIR [--keep]
 *
 * `--keep` leaves the conversion in DIR; a later run measures it again without making it.
 * glm4v takes 21 GB for the weights, 7 GB for the conversion, and about as much memory as the latter.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { access, mkdir, readFile, rm } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { readBandwidth } from './bandwidth.ts'
import { decodeAlone, prefillRate } from './decode.ts'
import { startProbed } from './server.ts'

const { values: options } = parseArgs({
  options: {
    architecture: { type: 'string', default: 'glm_ocr' },
    root: { type: 'string' },
    keep: { type: 'boolean', default: false },
  },
})

const script = (relative: string) => fileURLToPath(new URL(relative, import.meta.url))

/** Runs a script to its end: how long it took and the most memory it had. */
async function timed(args: readonly string[]): Promise<{ seconds: number; peakBytes: number }> {
  const startMs = performance.now()
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] })
  let peakBytes = 0
  const timer = setInterval(async () => {
    const status = await readFile(`/proc/${child.pid}/status`, 'utf8').catch(() => '')
    peakBytes = Math.max(peakBytes, Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) * 1024)
  }, 250)
  const [code] = await once(child, 'exit')
  clearInterval(timer)
  if (code !== 0) throw new Error(`${args[0]} ended with code ${code}`)
  return { seconds: (performance.now() - startMs) / 1000, peakBytes }
}

/** Makes random weights and converts them; of the two, only the conversion stays. */
async function prepare(architecture: string, source: string, converted: string) {
  try {
    const made = await timed([script('../random-model.ts'), '--architecture', architecture, '--out', source])
    const conversion = await timed([
      ...[script('../../bin/glm.js'), 'convert', '--model', source, '--out', converted, '--dtype', 'int4'],
    ])
    return {
      make_s: made.seconds,
      convert_s: conversion.seconds,
      convert_peak_gb: conversion.peakBytes / 1e9,
    }
  } finally {
    await rm(source, { recursive: true, force: true })
  }
}

function isThere(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  )
}

async function main() {
  const { architecture, root } = options
  if (root === undefined) throw new Error('--root DIR is missing')
  await mkdir(root, { recursive: true })
  const source = join(root, `${architecture}-random`)
  const converted = `${source}-int4`
  try {
    const preparation = (await isThere(join(converted, 'manifest.json')))
      ? null
      : await prepare(architecture, source, converted)
    const manifest = JSON.parse(await readFile(join(converted, 'manifest.json'), 'utf8'))
    const bandwidth = await readBandwidth(availableParallelism())
    const server = await startProbed(['--model-path', converted, '--max-batch-size', '1'])
    try {
      const decode = await decodeAlone(server)
      console.log(
        JSON.stringify({
          architecture,
          ...preparation,
          decoder_gb: manifest.graphs.decoder.weightBytes / 1e9,
          load_s: server.loadMs / 1000,
          prefill_chunk: server.ready['prefill_chunk'],
          prefill_step_ms: server.ready['prefill_ms'],
          prefill_tokens_per_s: await prefillRate(server),
          decode_tokens_per_s: decode,
          bandwidth_gb_per_s: bandwidth / 1e9,
          share_of_bound: (decode * manifest.graphs.decoder.weightBytes) / bandwidth,
          resident_gb: (await server.residentBytes()) / 1e9,
        }),
      )
    } finally {
      await server.stop()
    }
  } finally {
    if (!options.keep) await rm(converted, { recursive: true, force: true })
  }
}

await main()
