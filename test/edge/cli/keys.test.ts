import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { edgeSecrets, freePort, SelfHostedEdge, startStandIn } from '../../support/self-hosted-edge.ts'

const program = fileURLToPath(new URL('../../../edge/cli/keys.ts', import.meta.url))

let backend: Awaited<ReturnType<typeof startStandIn>>
let edge: SelfHostedEdge
beforeAll(async () => {
  backend = await startStandIn()
  edge = await SelfHostedEdge.start([backend.address])
})
afterAll(async () => {
  await edge?.close()
  backend?.close()
})

interface Outcome {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

function keys(args: readonly string[], env: Record<string, string> = {}): Promise<Outcome> {
  const given = {
    PATH: process.env['PATH'] ?? '',
    ADMIN_TOKEN: edgeSecrets.ADMIN_TOKEN,
    EDGE_URL: edge.url,
    ...env,
  }
  return new Promise((resolve) => {
    execFile(process.execPath, [program, ...args], { env: given }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
    )
  })
}

const ask = async (key: string) =>
  (await fetch(`${edge.url}/v1/models`, { headers: { authorization: `Bearer ${key}` } })).status

test('a key is made, used, changed, disabled and deleted from the command line', async () => {
  const made = await keys([
    'create',
    '--name',
    'shop',
    '--rpm',
    '7',
    '--tokens-per-day',
    '1000',
    '--tpm',
    'none',
  ])
  const { id, key, limits } = JSON.parse(made.stdout) as { id: string; key: string; limits: unknown }
  expect(limits).toMatchObject({ requests_per_minute: 7, tokens_per_day: 1000, tokens_per_minute: null })
  expect(await ask(key)).toBe(200)
  const rotated = JSON.parse((await keys(['rotate', id, '--overlap', '0'])).stdout) as { key: string }
  expect([await ask(key), await ask(rotated.key)]).toEqual([401, 200])
  await keys(['disable', id])
  expect(await ask(rotated.key)).toBe(403)
  expect((await keys(['list'])).stdout).toContain(id)
  expect(await keys(['delete', id])).toMatchObject({ code: 0 })
  expect(await keys(['show', id])).toMatchObject({ code: 1, stderr: 'there is no such key\n' })
})

test('what cannot be meant is refused in one line, and no limit becomes none', async () => {
  const cases = [
    [['create', '--name', 'x', '--rpm', 'abc'], '--rpm abc: a whole number is wanted'],
    [['create', '--name', 'x', '--expires', 'tomorrow'], '--expires tomorrow: a moment'],
    [['create'], 'create needs --name'],
    [['rotate'], 'rotate needs a key'],
    [['list', '--colour', 'red'], "Unknown option '--colour'"],
  ] as const
  for (const [args, message] of cases) {
    const { code, stderr } = await keys(args)
    expect(code).toBeGreaterThan(0)
    expect(stderr).toContain(message)
    expect(stderr.trimEnd().split('\n')).toHaveLength(1)
  }
  const nobody = `http://127.0.0.1:${await freePort()}`
  expect((await keys(['list'], { EDGE_URL: nobody })).stderr).toBe(
    `no edge answers at ${nobody} (EDGE_URL)\n`,
  )
  expect((await keys(['list'], { ADMIN_TOKEN: 'wrong' })).stderr).toBe('the admin token is not valid\n')
})
