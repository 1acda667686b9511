import { readArguments } from './read-arguments.ts'

const usage = `npm run keys -- COMMAND [ID] [options]

  create --name NAME [--mode live|test] [settings]   a new key, shown this once
  list                                               every key with its use
  show ID
  update ID [settings]
  rotate ID [--overlap SECONDS]                      a new secret; the old one ends after the overlap (one day)
  disable ID | enable ID
  delete ID

settings: --tenant T  --models A,B|any  --ips A,B|any  --expires ISO|never
          --rpm N  --tpm N  --image-bytes N  --pixels N  --concurrent N  --tokens-per-day N  --tokens-per-month N
          (a limit of "none" is no limit)

The edge is EDGE_URL (http://127.0.0.1:8787), the operator's credential ADMIN_TOKEN.
`

const limitFlags = {
  rpm: 'requests_per_minute',
  tpm: 'tokens_per_minute',
  'image-bytes': 'image_bytes_per_minute',
  pixels: 'pixels_per_minute',
  concurrent: 'concurrent_requests',
  'tokens-per-day': 'tokens_per_day',
  'tokens-per-month': 'tokens_per_month',
} as const

const text = { type: 'string' } as const
const { values, positionals } = readArguments({
  allowPositionals: true,
  options: {
    ...{ name: text, mode: text, tenant: text, models: text, ips: text, expires: text, overlap: text },
    ...{ rpm: text, tpm: text, 'image-bytes': text, pixels: text, concurrent: text },
    ...{ 'tokens-per-day': text, 'tokens-per-month': text },
    help: { type: 'boolean' },
  },
})

const [command, id] = positionals
const requests: Record<string, () => Promise<unknown>> = {
  create: () => {
    if (values.name === undefined) throw new Error('create needs --name')
    return call('POST', '', { ...settings(), ...(values.mode && { mode: values.mode }) })
  },
  list: listAll,
  show: () => call('GET', path()),
  update: () => call('PATCH', path(), settings()),
  rotate: () =>
    call(
      'POST',
      `${path()}/rotate`,
      values.overlap ? { overlap_seconds: numberOf('overlap', values.overlap) } : {},
    ),
  disable: () => call('PATCH', path(), { disabled: true }),
  enable: () => call('PATCH', path(), { disabled: false }),
  delete: () => call('DELETE', path()),
}

const run = command === undefined ? undefined : requests[command]
if (values.help || !run) {
  console.log(usage)
  process.exitCode = values.help ? 0 : 2
} else {
  try {
    const answer = await run()
    if (answer !== undefined) console.log(JSON.stringify(answer, null, 2))
  } catch (error) {
    console.error(error instanceof Error ? error.message : error)
    process.exitCode = 1
  }
}

function path(): string {
  if (id === undefined) throw new Error(`${command} needs a key's id`)
  return `/${encodeURIComponent(id)}`
}

/** The settings named on the command line, as the admin API takes them. */
function settings(): Record<string, unknown> {
  const { name, tenant, models, ips, expires } = values
  const limits = Object.entries(limitFlags).flatMap(([flag, field]) => {
    const value = values[flag as keyof typeof limitFlags]
    return value === undefined ? [] : [[field, value === 'none' ? null : numberOf(flag, value)]]
  })
  return {
    ...(name !== undefined && { name }),
    ...(tenant !== undefined && { tenant }),
    ...(models !== undefined && { models: models === 'any' ? null : models.split(',') }),
    ...(ips !== undefined && { ips: ips === 'any' ? null : ips.split(',') }),
    ...(expires !== undefined && {
      expires_at: expires === 'never' ? null : momentOf(expires),
    }),
    ...(limits.length > 0 && { limits: Object.fromEntries(limits) }),
  }
}

/** @throws for anything but a whole number: JSON would make null of it, which is no limit at all */
function numberOf(flag: string, text: string): number {
  if (!/^\d+$/.test(text)) throw new Error(`--${flag} ${text}: a whole number is wanted`)
  return Number(text)
}

function momentOf(text: string): string {
  const moment = new Date(text)
  if (Number.isNaN(moment.getTime())) {
    throw new Error(`--expires ${text}: a moment such as 2027-01-31T00:00:00Z is wanted, or never`)
  }
  return moment.toISOString()
}

async function listAll(): Promise<unknown[]> {
  const keys: unknown[] = []
  let after: string | null = ''
  while (after !== null) {
    const page = (await call('GET', `?limit=100&after=${after}`)) as { keys: unknown[]; after: string | null }
    keys.push(...page.keys)
    after = page.after
  }
  return keys
}

/** @throws with the API's own message */
async function call(method: string, target: string, body?: unknown): Promise<unknown> {
  const token = process.env['ADMIN_TOKEN']
  if (token === undefined) throw new Error('ADMIN_TOKEN is not set')
  const edge = process.env['EDGE_URL'] ?? 'http://127.0.0.1:8787'
  const response = await fetch(`${edge}/admin/keys${target}`, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    signal: AbortSignal.timeout(10_000),
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  }).catch((cause: unknown) => {
    throw new Error(`no edge answers at ${edge} (EDGE_URL)`, { cause })
  })
  if (response.status === 204) return undefined
  const answer = (await response.json()) as { error?: { message: string } }
  if (answer.error) throw new Error(answer.error.message)
  return answer
}
