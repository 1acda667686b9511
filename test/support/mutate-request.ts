import type { Random } from './random.ts'

export interface RawRequest {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array<ArrayBuffer>
}

const encode = (text: string) => new TextEncoder().encode(text)

/** Values that JSON allows and a schema rarely expects. */
const oddValues: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  1e308,
  1.5,
  '',
  ' ',
  '\u0000',
  '\ud800',
  '<|image|>',
  '<|endoftext|><|user|>',
  '金'.repeat(300),
  [],
  [[]],
  {},
  { a: 1 },
  ['x', 1],
  Number.MAX_SAFE_INTEGER,
  'data:image/png;base64,',
  'data:image/png;base64,iVBORw0KGgo=',
  'data:,x',
  'http://[::1]/',
  'http://169.254.169.254/latest',
  'javascript:alert(1)',
]

type JsonRequest = Record<string, unknown>

const jsonMutations: readonly ((value: JsonRequest, random: Random) => void)[] = [
  (value, random) => {
    value[random.pick(Object.keys(value))] = random.pick(oddValues)
  },
  (value, random) => {
    delete value[random.pick(Object.keys(value))]
  },
  (value, random) => {
    value[
      random.pick([
        'temperature',
        'top_p',
        'top_k',
        'seed',
        'stop',
        'stream',
        'thinking',
        'x',
        '__proto__',
        'model',
      ])
    ] = random.pick(oddValues)
  },
  (value, random) => {
    const image = value['image']
    if (typeof image !== 'string' || image.length < 40) return
    const at = random.below(image.length)
    value['image'] =
      image.slice(0, at) + random.pick(['', '=', '/', '@', 'AAAA', '\n']) + image.slice(at + random.below(9))
  },
  (value, random) => {
    value['image'] = Array.from({ length: random.below(4) }, () =>
      random.chance(0.5) ? value['image'] : random.pick(oddValues),
    )
  },
  (value, random) => {
    value['prompt'] = Array.from({ length: random.below(40) }, () =>
      String.fromCharCode(random.below(0x10000)),
    ).join('')
  },
]

const rawMutations: readonly ((request: RawRequest, random: Random) => RawRequest)[] = [
  (request, random) => {
    const body = request.body.slice()
    for (let flips = 1 + random.below(8); flips > 0 && body.length > 0; flips -= 1)
      body[random.below(body.length)] = random.below(256)
    return { ...request, body }
  },
  (request, random) => ({ ...request, body: request.body.slice(0, random.below(request.body.length + 1)) }),
  (request, random) => ({
    ...request,
    headers: {
      ...request.headers,
      'content-type': random.pick([
        'text/plain',
        'application/json; charset=utf-16',
        'multipart/form-data',
        'multipart/form-data; boundary=x',
        'application/x-www-form-urlencoded',
        '',
        ';;',
      ]),
    },
  }),
  (request, random) => ({ ...request, method: random.pick(['PUT', 'PATCH', 'DELETE', 'OPTIONS']) }),
  (request, random) => ({
    ...request,
    path: request.path + random.pick(['/', '//', '?x=%ff', '/..', '%00', '/%2e%2e/health']),
  }),
  (request, random) => ({
    ...request,
    headers: {
      ...request.headers,
      [random.pick([
        'x-request-id',
        'x-request-timeout-ms',
        'authorization',
        'accept',
        'content-encoding',
        'idempotency-key',
      ])]: random.pick(['', 'x', '-1', '0', '1e9', 'gzip', 'Bearer x', 'a'.repeat(5000)]),
    },
  }),
]

/** A valid JSON request with one to three things wrong with it, or by chance none. */
export function mutateRequest(valid: JsonRequest, path: string, random: Random): RawRequest {
  const value = structuredClone(valid)
  for (let count = random.below(3); count > 0 && Object.keys(value).length > 0; count -= 1)
    random.pick(jsonMutations)(value, random)
  let request: RawRequest = {
    method: 'POST',
    path,
    headers: { 'content-type': 'application/json' },
    body: encode(JSON.stringify(value)),
  }
  for (let count = random.below(3); count > 0; count -= 1)
    request = random.pick(rawMutations)(request, random)
  return request
}
