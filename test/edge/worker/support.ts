import { env, exports } from 'cloudflare:workers'

/** A 1 × 1 PNG, so that a request with a picture fits one line. */
export const tinyPng =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=='

const adminHeaders = { authorization: `Bearer ${env.ADMIN_TOKEN}`, 'content-type': 'application/json' }

/** A request to the edge, as from outside. */
export function call(path: string, init: RequestInit = {}): Promise<Response> {
  return exports.default.fetch(`http://edge.test${path}`, init)
}

/** An answer of the admin API; its shape is what the test asks for. */
export async function admin<T = Record<string, unknown>>(
  method: string,
  path: string,
  body?: unknown,
): Promise<T> {
  const response = await call(`/admin/keys${path}`, {
    method,
    headers: adminHeaders,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`)
  return response.status === 204 ? (undefined as T) : ((await response.json()) as T)
}

export interface MadeKey {
  readonly id: string
  readonly key: string
}

export function makeKey(settings: Record<string, unknown> = {}): Promise<MadeKey> {
  return admin<MadeKey>('POST', '', { name: 'test', ...settings })
}

/** `POST /v1/multimodal/completions` with the tiny picture. */
export function complete(
  key: string,
  fields: Record<string, unknown> = {},
  headers: Record<string, string> = {},
): Promise<Response> {
  const body = { image: `data:image/png;base64,${tinyPng}`, prompt: 'say 3', ...fields }
  return call('/v1/multimodal/completions', {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  })
}

interface ErrorBody {
  readonly error: { readonly message: string; readonly code: string; readonly param: string | null }
}

export async function errorOf(response: Response) {
  const { error } = (await response.json()) as ErrorBody
  return { status: response.status, code: error.code, param: error.param, message: error.message }
}

export interface Seen {
  readonly path: string
  readonly claims: {
    readonly tenant: string
    readonly requestId: string
    readonly maxTotalTokens: number
    readonly job?: {
      readonly keyId: string
      readonly reservation: string
      readonly once: { key: string } | null
    }
  }
  readonly limits: number[]
  readonly request: Record<string, unknown>
  readonly attachmentSizes: number[]
  readonly traceparent: string
}

/** What the backend was sent on behalf of a key, the first request first. */
export async function seenOf({ id }: MadeKey): Promise<Seen[]> {
  const seen = (await (await env.BACKEND.fetch('http://backend/seen')).json()) as Seen[]
  return seen.filter(({ claims }) => claims.tenant === id)
}

/** The key's own object, reached as the Worker reaches it. */
export function keyObject(id: string) {
  return env.KEYS.get(env.KEYS.idFromName(id))
}
