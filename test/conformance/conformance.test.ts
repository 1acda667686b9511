import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll } from 'vitest'
import type { RunningServer } from '../../backend/start-server.ts'
import { RedisServer } from '../../bench/support/redis-server.ts'
import { readProfile } from '../../edge/cli/model-profile.ts'
import { edgeSecrets, freePort, SelfHostedEdge } from '../support/self-hosted-edge.ts'
import { startTestServer } from '../support/start-test-server.ts'
import { conformance, type Target } from './suite.ts'

// `CONFORMANCE_URL=… CONFORMANCE_KEY=… npx vitest run test/conformance` puts any deployment to the same questions.
// With CONFORMANCE_JOBS=1 its jobs too.
const outside = process.env['CONFORMANCE_URL']
const root = fileURLToPath(new URL('../..', import.meta.url))
const targets = { backend: '', selfHosted: '', selfHostedKey: '', worker: '', workerKey: '' }
const undo: (() => Promise<unknown>)[] = []

if (outside !== undefined) {
  const jobs = process.env['CONFORMANCE_JOBS'] === '1'
  conformance(outside, () => ({ url: outside, key: process.env['CONFORMANCE_KEY'] ?? null, jobs }))
} else {
  beforeAll(start)
  afterAll(async () => {
    for (const step of undo.toReversed()) await step()
  })
  conformance('the backend alone', () => ({ url: targets.backend, key: null, jobs: true }))
  conformance(
    'the edge as a Worker',
    (): Target => ({ url: targets.worker, key: targets.workerKey, jobs: true }),
  )
  conformance('the edge bundled for workerd', () => ({
    url: targets.selfHosted,
    key: targets.selfHostedKey,
    jobs: true,
  }))
}

async function start() {
  const redis = await RedisServer.start()
  undo.push(() => redis.close())
  const edgePort = await freePort()
  const jobs = ['--redis-url', redis.url, '--edge-url', `http://127.0.0.1:${edgePort}`]
  const backend: RunningServer = await startTestServer([
    '--signing-key',
    edgeSecrets.SIGNING_KEYS,
    '--settlement-key',
    edgeSecrets.SETTLEMENT_KEYS,
    ...jobs,
  ])
  undo.push(() => backend.close())
  targets.backend = backend.url
  const profile = JSON.stringify(await readProfile(join(root, 'models/glm4v-tiny'), 2048))
  const { host } = new URL(backend.url)
  const bundled = await SelfHostedEdge.start([host], { MODEL_PROFILE: profile }, edgePort)
  undo.push(() => bundled.close())
  targets.selfHosted = bundled.url
  targets.selfHostedKey = (await bundled.makeKey()).key
  targets.worker = await startWorker(backend.url, profile)
  targets.workerKey = await makeKey(targets.worker)
}

/** The Worker as wrangler runs it for development: Cloudflare's own simulation of the platform. */
async function startWorker(backendUrl: string, profile: string): Promise<string> {
  const port = await freePort()
  const state = await mkdtemp(join(tmpdir(), 'glm-worker-'))
  undo.push(() => rm(state, { recursive: true, force: true }))
  const variables = { ...edgeSecrets, MODEL_PROFILE: profile, BACKENDS: backendUrl, CLIENT_ADDRESS: 'none' }
  const flags = Object.entries(variables).flatMap(([name, value]) => ['--var', `${name}:${value}`])
  const wrangler = join(root, 'node_modules/wrangler/bin/wrangler.js')
  const address = [
    '--ip',
    '127.0.0.1',
    '--port',
    String(port),
    '--inspector-port',
    '0',
    '--persist-to',
    state,
  ]
  const child = spawn(process.execPath, [wrangler, 'dev', ...address, ...flags], {
    cwd: root,
    env: { ...process.env, WRANGLER_SEND_METRICS: 'false', CLOUDFLARE_CF_FETCH_ENABLED: 'false', CI: '1' },
    stdio: 'ignore',
  })
  undo.push(() => stop(child))
  const url = `http://127.0.0.1:${port}`
  const deadlineMs = Date.now() + 60_000
  while (Date.now() < deadlineMs && child.exitCode === null) {
    if ((await fetch(`${url}/livez`).catch(() => null))?.ok) return url
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  throw new Error('wrangler dev did not start')
}

async function stop(child: ChildProcess) {
  if (child.exitCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  await exited
}

async function makeKey(url: string): Promise<string> {
  const response = await fetch(`${url}/admin/keys`, {
    method: 'POST',
    headers: { authorization: `Bearer ${edgeSecrets.ADMIN_TOKEN}`, 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'conformance' }),
  })
  return ((await response.json()) as { key: string }).key
}
