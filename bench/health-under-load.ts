/** How fast does `/health` answer while eight requests generate? `node bench/health-under-load.ts` */
import { readFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { quantile } from './support/quantile.ts'
import { spawnServer } from './support/spawn-server.ts'

const STREAMS = 8
const DURATION_MS = 20_000
const PROBE_EVERY_MS = 10

const image = `data:image/png;base64,${readFileSync(new URL('../examples/receipt.png', import.meta.url)).toString('base64')}`

async function main() {
  const server = await spawnServer(['--max-batch-size', String(STREAMS), '--log-level', 'info'])
  const end = performance.now() + DURATION_MS
  const stop = new AbortController()
  try {
    let answers = 0
    const generate = async (seed: number) => {
      while (performance.now() < end) {
        const body = { image, prompt: 'Hello', temperature: 1.5, max_new_tokens: 200, seed: seed + answers }
        const response = await fetch(`${server.url}/v1/multimodal/completions`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify(body),
          signal: stop.signal,
        })
        await response.text()
        answers += 1
      }
    }
    const load = Promise.all(Array.from({ length: STREAMS }, (_, seed) => generate(seed * 1000)))
    const probes: number[] = []
    while (performance.now() < end) {
      const startMs = performance.now()
      await (await fetch(`${server.url}/health`)).text()
      probes.push(performance.now() - startMs)
      await new Promise((resolve) => setTimeout(resolve, PROBE_EVERY_MS))
    }
    await load
    const [p50, p99, worst] = [0.5, 0.99, 1].map((q) => quantile(probes, q).toFixed(1))
    console.log(`${cpus().length} × ${cpus()[0]?.model}, ${new Date().toISOString().slice(0, 10)}`)
    console.log(`${STREAMS} streams, ${answers} answers, ${probes.length} probes of /health`)
    console.log(`p50 ${p50} ms   p99 ${p99} ms   worst ${worst} ms`)
  } finally {
    stop.abort()
    await server.stop()
  }
}

await main()
