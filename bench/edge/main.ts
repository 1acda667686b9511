import { parseArgs } from 'node:util'
import { startEdge, startPortkey, startUpstream } from './gateways.ts'
import { type LoadResult, measureCancel, measureRps, measureTtfb, median, memoryMb } from './load.ts'

// `npm run bench:edge -- --json`: what the edge costs, against Portkey's gateway and no gateway, over one mock upstream.
const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    seconds: { type: 'string', default: '5' },
    rounds: { type: 'string', default: '5' },
  },
})
const seconds = Number(values.seconds)
const rounds = Number(values.rounds)
/** Until both have compiled what they use most. */
const warmUpSeconds = 5
const ttfbCount = 200
const cancelCount = 20

const smallBody = chatBody('hello, what is on this receipt?')
const streamBody = chatBody('hello, what is on this receipt?', { stream: true })
const largeBody = chatBody([
  { type: 'text', text: 'what is on this receipt?' },
  { type: 'image_url', image_url: { url: pictureUri(1_500_000) } },
])

const upstream = await startUpstream()
const portkey = await startPortkey(upstream)
const small = await compare(smallBody)
const large = await compare(largeBody)

const edge = await startEdge(upstream)
const directTtfb = median(await measureTtfb(upstream, streamBody, ttfbCount))
const edgeTtfb = median(await measureTtfb(edge, streamBody, ttfbCount))
const portkeyTtfb = median(await measureTtfb(portkey, streamBody, ttfbCount))
const cancels: number[] = []
for (let i = 0; i < cancelCount; i++) cancels.push(await measureCancel(edge, upstream, streamBody))
for (const gateway of [edge, portkey, upstream]) await gateway.close()

const report = {
  small_rps_vs_portkey: round(small.edge.rps / small.portkey.rps),
  large_rps_vs_portkey: round(large.edge.rps / large.portkey.rps),
  large_peak_mb: round(large.memory.peak),
  added_ttfb_p50_ms: round(edgeTtfb - directTtfb),
  cancel_ms: round(Math.max(...cancels)),
  raw: {
    note: 'concurrency 32; medians of alternating rounds; the edge with key, limits and signature, Portkey has none of them',
    small_bytes: smallBody.length,
    large_bytes: largeBody.length,
    small_rps: rpsOf(small),
    large_rps: rpsOf(large),
    small_cpu_us: cpuOf(small),
    large_cpu_us: cpuOf(large),
    small_cpu_vs_portkey: round(small.portkey.cpuMicros / small.edge.cpuMicros),
    large_cpu_vs_portkey: round(large.portkey.cpuMicros / large.edge.cpuMicros),
    small_peak_mb: round(small.memory.peak),
    /** Without the pages of workerd's program file. */
    own_mb: { small: round(small.memory.own), large: round(large.memory.own) },
    errors: [small, large].flatMap(({ edge: ours, portkey: theirs }) => [ours.errors, theirs.errors]),
    ttfb_p50_ms: { direct: round(directTtfb), edge: round(edgeTtfb), portkey: round(portkeyTtfb) },
    cancel_ms: { p50: round(median(cancels)), max: round(Math.max(...cancels)) },
  },
}
console.log(values.json ? JSON.stringify(report) : JSON.stringify(report, null, 2))

interface Comparison {
  readonly direct: LoadResult
  readonly edge: LoadResult
  readonly portkey: LoadResult
  /** Of the edge's process, which served this body alone. */
  readonly memory: Awaited<ReturnType<typeof memoryMb>>
}

/** Alternating rounds, so that whatever else the machine does meets both alike. */
async function compare(body: string): Promise<Comparison> {
  const ours = await startEdge(upstream)
  for (const gateway of [portkey, ours]) await measureRps(gateway, body, warmUpSeconds)
  const results = { direct: [] as LoadResult[], edge: [] as LoadResult[], portkey: [] as LoadResult[] }
  for (let i = 0; i < rounds; i++) {
    results.portkey.push(await measureRps(portkey, body, seconds))
    results.edge.push(await measureRps(ours, body, seconds))
  }
  results.direct.push(await measureRps(upstream, body, seconds))
  const memory = await memoryMb(ours.pid)
  await ours.close()
  return { direct: whole(results.direct), edge: whole(results.edge), portkey: whole(results.portkey), memory }
}

function whole(results: readonly LoadResult[]): LoadResult {
  return {
    rps: median(results.map(({ rps }) => rps)),
    cpuMicros: median(results.map(({ cpuMicros }) => cpuMicros)),
    errors: results.reduce((sum, { errors }) => sum + errors, 0),
  }
}

function rpsOf({ direct, edge: ours, portkey: theirs }: Comparison) {
  return { direct: round(direct.rps), edge: round(ours.rps), portkey: round(theirs.rps) }
}

/** CPU time a request costs the gateway's own process: other load on the machine hardly changes it. */
function cpuOf({ edge: ours, portkey: theirs }: Comparison) {
  return { edge: Math.round(ours.cpuMicros), portkey: Math.round(theirs.cpuMicros) }
}

function round(value: number): number {
  return Math.round(value * 100) / 100
}

function chatBody(content: unknown, more: Record<string, unknown> = {}): string {
  return JSON.stringify({ ...more, model: 'mock', messages: [{ role: 'user', content }], max_tokens: 16 })
}

/** A PNG header of 800 × 600 and noise after it, as long as asked. */
function pictureUri(bytes: number): string {
  const picture = Buffer.alloc(bytes)
  for (let i = 0; i < bytes; i++) picture[i] = (i * 2_654_435_761) >>> 24
  Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex').copy(picture)
  picture.writeUInt32BE(800, 16)
  picture.writeUInt32BE(600, 20)
  Buffer.from('0802000000', 'hex').copy(picture, 24)
  return `data:image/png;base64,${picture.toString('base64')}`
}
