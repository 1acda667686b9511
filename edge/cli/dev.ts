import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { bundle } from './bundle.ts'
import { readProfile } from './model-profile.ts'
import { readArguments } from './read-arguments.ts'
import { workerdPath } from './workerd-path.ts'

// `npm run dev`: the backend and, in front of it, the edge in workerd, with a test key to try them with.
const { values } = readArguments({
  options: {
    port: { type: 'string', default: '8787' },
    'backend-port': { type: 'string', default: '8080' },
    'model-path': { type: 'string', default: 'models/glm4v-tiny' },
    'max-context-length': { type: 'string', default: '2048' },
    'redis-url': { type: 'string' },
    /** Secrets, keys and the bundle. */
    folder: { type: 'string', default: '.cache/dev-edge' },
  },
})

const root = fileURLToPath(new URL('../..', import.meta.url))
const folder = resolve(root, values.folder)
const startTimeoutMs = 120_000

await mkdir(folder, { recursive: true })
const secrets = await ownSecrets()
const modelFolder = values['model-path']
const maxContextLength = Number(values['max-context-length'])
const children: ChildProcess[] = []
let stopping = false
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopAll())

const edge = `http://127.0.0.1:${values.port}`
const redisUrl = values['redis-url']
const backend = ['bin/glm.js', 'serve', '--port', values['backend-port'], '--model-path', modelFolder]
const context = ['--max-context-length', String(maxContextLength)]
const jobs = redisUrl === undefined ? [] : ['--redis-url', redisUrl, '--edge-url', edge]
start(process.execPath, [...backend, ...context, ...jobs], {
  GLM_SIGNING_KEY: secrets.SIGNING_KEYS,
  ...(redisUrl !== undefined && { GLM_SETTLEMENT_KEY: secrets.SETTLEMENT_KEYS }),
})
const config = await bundle({
  out: folder,
  listen: `127.0.0.1:${values.port}`,
  backends: [`127.0.0.1:${values['backend-port']}`],
  storage: join(folder, 'keys'),
})
const profile = JSON.stringify(await readProfile(modelFolder, maxContextLength))
start(workerdPath, ['serve', config], { ...secrets, MODEL_PROFILE: profile, CORS_ORIGINS: '*' })

if (await answers(`${edge}/health`)) {
  console.log(howToAsk(await testKey()))
} else if (children.every(({ exitCode }) => exitCode === null)) {
  console.error(`nothing answers at ${edge}/health`)
  stopAll()
}

/** Commands that can be pasted as they stand. */
function howToAsk(key: string): string {
  const ask = (path: string) =>
    `  curl ${edge}${path} -H 'Authorization: Bearer ${key}' -F image=@examples/receipt.png -F prompt='列出所有金额'`
  const later =
    redisUrl === undefined
      ? 'Jobs: start again with  -- --redis-url redis://127.0.0.1:6379'
      : `Ask now, read the answer later:\n${ask('/v1/jobs')}\n  curl '${edge}/v1/jobs/ID?wait=30' -H 'Authorization: Bearer ${key}'`
  return `
The API is at ${edge}/v1, the backend behind it at http://127.0.0.1:${values['backend-port']}.
Test key: ${key}

${ask('/v1/multimodal/completions')}

${later}

Keys:
  ADMIN_TOKEN=${secrets.ADMIN_TOKEN} EDGE_URL=${edge} npm run keys -- list
`
}

/** Whatever ends one of them ends both: half of the pair is of no use. */
function start(command: string, args: readonly string[], env: Record<string, string> = {}) {
  const child = spawn(command, args, { cwd: root, env: { ...process.env, ...env }, stdio: 'inherit' })
  children.push(child)
  child.once('exit', (code) => {
    process.exitCode ||= code ?? 0
    stopAll()
  })
}

/** Once: a second signal would tell the backend not to wait for its running answers. */
function stopAll() {
  if (stopping) return
  stopping = true
  for (const child of children) if (child.exitCode === null) child.kill('SIGTERM')
}

async function answers(url: string): Promise<boolean> {
  const deadlineMs = Date.now() + startTimeoutMs
  while (Date.now() < deadlineMs && children.every(({ exitCode }) => exitCode === null)) {
    const response = await fetch(url).catch(() => null)
    if (response?.ok) return true
    await new Promise((resolve) => setTimeout(resolve, 250))
  }
  return false
}

/** Random once, kept for the next start: keys made today work tomorrow. */
async function ownSecrets() {
  const path = join(folder, 'secrets.json')
  const random = () => randomBytes(32).toString('base64url')
  const fresh = {
    ADMIN_TOKEN: random(),
    KEY_CHECK_SECRETS: random(),
    SIGNING_KEYS: `dev:${random()}`,
    SETTLEMENT_KEYS: `dev:${random()}`,
  }
  const known = JSON.parse(await readFile(path, 'utf8').catch(() => '{}')) as Partial<typeof fresh>
  const secrets = { ...fresh, ...known }
  await writeFile(path, JSON.stringify(secrets), { mode: 0o600 })
  return secrets
}

async function testKey(): Promise<string> {
  const path = join(folder, 'test-key')
  const known = await readFile(path, 'utf8').catch(() => null)
  if (known !== null) return known
  const response = await fetch(`${edge}/admin/keys`, {
    method: 'POST',
    headers: { authorization: `Bearer ${secrets.ADMIN_TOKEN}`, 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'development', mode: 'test' }),
  })
  const { key } = (await response.json()) as { key: string }
  await writeFile(path, key, { mode: 0o600 })
  return key
}

await Promise.all(children.map((child) => (child.exitCode === null ? once(child, 'exit') : null)))
