/**
 * Does anything leak? Full load with clients that leave at random moments; memory, slots and requests are counted.
 * `node bench/speed/endurance.ts [--minutes 10] [--model-path DIR]`
 */
import { parseArgs } from 'node:util'
import { ask, freshPrompt } from './ask.ts'
import { freshPicture } from './picture.ts'
import { startProbed } from './server.ts'

const CLIENTS = 12
const SLOTS = 4
const LEAVERS = 1 / 3
const SAMPLE_EVERY_MS = 15_000

const { values: options } = parseArgs({
  options: { minutes: { type: 'string', default: '10' }, 'model-path': { type: 'string' } },
})

async function main() {
  const model = options['model-path'] === undefined ? [] : ['--model-path', options['model-path']]
  const server = await startProbed(['--max-batch-size', String(SLOTS), '--max-queue', '8', ...model])
  const counts = { answered: 0, refused: 0, left: 0, failed: 0 }
  const endMs = performance.now() + Number(options.minutes) * 60_000
  const client = async () => {
    while (performance.now() < endMs) {
      const leaves = Math.random() < LEAVERS
      const timeout = AbortSignal.timeout(leaves ? Math.ceil(Math.random() * 1500) : 120_000)
      const image = await freshPicture()
      try {
        const { status } = await ask(server.url, {
          image,
          prompt: freshPrompt(4),
          maxNewTokens: 40,
          signal: timeout,
        })
        if (status === 200) counts.answered++
        else if (status === 503) counts.refused++
        else counts.failed++
        if (status === 503) await new Promise((resolve) => setTimeout(resolve, 200))
      } catch {
        counts.left++
      }
    }
  }
  const timer = setInterval(async () => {
    const megabytes = Math.round((await server.residentBytes()) / 1e6)
    console.log(
      JSON.stringify({ leftS: Math.round((endMs - performance.now()) / 1000), megabytes, ...counts }),
    )
  }, SAMPLE_EVERY_MS)
  try {
    await Promise.all(Array.from({ length: CLIENTS }, client))
    clearInterval(timer)
    await new Promise((resolve) => setTimeout(resolve, 3000))
    const metrics = await (await fetch(`${server.url}/metrics`)).text()
    for (const line of metrics.split('\n')) {
      if (/^glm_(num_requests|requests_|request_success|kv_cache)/.test(line)) console.log(line)
    }
    console.log(JSON.stringify({ megabytes: Math.round((await server.residentBytes()) / 1e6), ...counts }))
  } finally {
    clearInterval(timer)
    await server.stop()
  }
}

await main()
