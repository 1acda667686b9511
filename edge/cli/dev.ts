import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { bundle } from './bundle.ts'
import { readProfile } from './model-profile.ts'
import { workerdPath } from './workerd-path.ts'

// `npm run dev`: the backend and, in front of it, the edge in workerd, with a test key to try them with.
const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '8787' },
    'backend-port': { type: 'string', default: '8080' },
    'model-path': { type: 'string', default: 'models/glm4v-tiny' },
    'max-context-length': { type: 'string', default: '2048' },
  },
})

const root = fileURLToPath(new URL('../..', import.meta.url))
const folder = join(root, '.cache/dev-edge')
const startTimeoutMs = 120_000

await mkdir(folder, { recursive: true })
const secrets = await ownSecrets()
const modelFolder = values['model-path']
const maxContextLength = Number(values['max-context-length'])
const children: ChildProcess[] = []
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopAll())

const backend = ['bin/glm.js', 'serve', '--port', values['backend-port'], '--model-path', modelFolder]
start(process.execPath, [
  ...backend,
  '--max-context-length',
  String(maxContextLength),
  '--signing-key',
  secrets.SIGNING_KEYS,
])
const config = await bundle({
  out: folder,
  listen: `127.0.0.1:${values.port}`,
  backends: [`127.0.0.1:${values['backend-port']}`],
  storage: join(folder, 'keys'),
})
const profile = JSON.stringify(await readProfile(modelFolder, maxContextLength))
start(workerdPath, ['serve', config], { ...secrets, MODEL_PROFILE: profile, CORS_ORIGINS: '*' })

const edge = `http://127.0.0.1:${values.port}`
if (await answers(`${edge}/health`)) {
  const key = await testKey()
  console.log(
    `\nThe API is at ${edge}/v1 (backend at http://127.0.0.1:${values['backend-port']}).\nTest key: ${key}\n`,
  )
  console.log(
    `curl ${edge}/v1/multimodal/completions -H 'Authorization: Bearer ${key}' -F image=@picture.jpg -F prompt='What is this?'\n`,
  )
  console.log(`npm run keys -- list   with   ADMIN_TOKEN=${secrets.ADMIN_TOKEN} EDGE_URL=${edge}`)
} else if (children.every(({ exitCode }) => exitCode === null)) {
  console.error(`nothing answers at ${edge}/health`)
  stopAll()
}

/** Whatever ends one of them ends both: half of the pair is of no use. */
function start(command: string, args: readonly string[], env: Record<string, string> = {}) {
  const child = spawn(command, args, { cwd: root, env: { ...process.env, ...env }, stdio: 'inherit' })
  children.push(child)
  child.once('exit', (code) => {
    process.exitCode = code ?? 0
    stopAll()
  })
}

function stopAll() {
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
  const fresh = { ADMIN_TOKEN: random(), KEY_CHECK_SECRETS: random(), SIGNING_KEYS: `dev:${random()}` }
  const known = await readFile(path, 'utf8').catch(() => null)
  if (known !== null) return { ...fresh, ...JSON.parse(known) } as typeof fresh
  await writeFile(path, JSON.stringify(fresh), { mode: 0o600 })
  return fresh
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
