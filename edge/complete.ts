import { ApiError } from '../shared/errors.ts'
import { headerNames } from '../shared/headers.ts'
import { contentDigestOf } from '../shared/signing.ts'
import { credentialsOf } from './authenticate.ts'
import type { CompletionEndpoint } from './endpoints.ts'
import { commonHeaders } from './envelope.ts'
import { answerWhole } from './forward/answer-whole.ts'
import { type Forwarded, forward, probeEjected } from './forward/forward.ts'
import { relayStream } from './forward/relay-stream.ts'
import type { HttpContext } from './http-env.ts'
import { scopeOf } from './http-env.ts'
import { idempotencyKeyOf, OnceOnly } from './idempotency/once.ts'
import { HeldBytes } from './intake/byte-budget.ts'
import { maxTokensOf } from './intake/cost.ts'
import { type IntakeLimits, sumOf, type TakenIn, takeIn } from './intake/intake.ts'
import type { SizedPicture } from './intake/picture.ts'
import type { EndTurn } from './intake/turns.ts'
import { mayBecomeJob } from './jobs/may-become-job.ts'
import { Lease } from './keys/lease.ts'
import { limitHeaders } from './limit-headers.ts'
import { RequestLife } from './request-life.ts'
import { Run } from './run.ts'
import { backendsOf } from './services.ts'

/** Room for JSON and multipart heads beside the pictures a request may hold. */
export const extraHeldBytes = 4 * 1024 * 1024

/** A body that has not come by then is not waited for. */
const uploadTimeoutMs = 60_000

/** A completion from the client's request to its answer: taken in, admitted, signed, forwarded, relayed, settled. */
export async function complete(c: HttpContext, endpoint: CompletionEndpoint): Promise<Response> {
  const onceKey = idempotencyKeyOf(c)
  const answer = answerOf(c, endpoint, onceKey)
  if (onceKey !== null) c.executionCtx.waitUntil(answer.catch(() => {})) // whoever awaits the answer meets its error
  return answer
}

async function answerOf(
  c: HttpContext,
  endpoint: CompletionEndpoint,
  onceKey: string | null,
): Promise<Response> {
  const { settings, budget, now } = c.get('services')
  const held = new HeldBytes(budget, settings.MAX_REQUEST_BYTES + extraHeldBytes)
  // Under an Idempotency-Key the run goes on without its client, who may come back for the answer.
  const clientSignal = onceKey === null ? c.req.raw.signal : new AbortController().signal
  const life = new RequestLife(clientSignal, settings.REQUEST_TIMEOUT_MS, now)
  let run: Run | null = null
  let once: OnceOnly | null = null
  let taken: TakenIn | null = null
  const endTurn = await takeTurn(c)
  try {
    taken = await receive(c, endpoint, held, life)
    if (onceKey !== null) {
      const claimed = await OnceOnly.claim(c, onceKey, await taken.fingerprint())
      if (claimed instanceof Response) {
        life.close()
        return claimed
      }
      once = claimed
    }
    const lease = await admit(c, taken, life)
    run = new Run(c, life, lease, taken.sent)
    return await relay(c, await fetchAndForward(c, endpoint, taken, run, life, endTurn), run, life, once)
  } catch (error) {
    run?.fail(error)
    life.close()
    await once?.abandon()
    throw life.reasonFor(error)
  } finally {
    // The body has been sent, or never will be.
    endTurn()
    taken?.release()
    held.close()
  }
}

/** Small bodies need no turn. */
const smallBytes = 256 * 1024

export async function takeTurn(c: HttpContext): Promise<EndTurn> {
  const declared = Number(c.req.header('content-length') ?? Number.NaN)
  return declared <= smallBytes ? () => {} : c.get('services').turns.take()
}

export async function receive(
  c: HttpContext,
  endpoint: CompletionEndpoint,
  held: HeldBytes,
  life: RequestLife,
  limits: IntakeLimits = intakeLimits(c.get('services').settings),
) {
  const { settings, now } = c.get('services')
  let received = false
  life.at(now() + uploadTimeoutMs, () => {
    if (!received) life.stop(new ApiError('request_timeout', 'the body did not come in time'))
  })
  const taking = takeIn(c.req.raw, endpoint, limits, held, urlPolicy(settings))
  const taken = await life.unlessStopped(taking)
  received = true
  return taken
}

async function admit(c: HttpContext, taken: TakenIn, life: RequestLife): Promise<Lease> {
  const { keys } = c.get('services')
  const { model } = taken.request
  const demand = { tokens: tokensOf(c, taken, taken.sent), ...sumOf(taken.sent) }
  const lease = await Lease.take(keys, scopeOf(c), life, {
    keyId: c.get('key').id,
    who: credentialsOf(c),
    model: typeof model === 'string' ? model : null,
    demand,
  })
  c.get('logFields')['tenant'] = lease.tenant
  return lease
}

async function fetchAndForward(
  c: HttpContext,
  endpoint: CompletionEndpoint,
  taken: TakenIn,
  run: Run,
  life: RequestLife,
  sent: () => void,
): Promise<Forwarded> {
  const { services } = c.var
  if (taken.toFetch.length > 0) {
    const fetched = await taken.fetchAll(services.fetchImage, life.signal)
    const tokens = tokensOf(c, taken, [...taken.sent, ...fetched]) - run.lease.maxTokens
    await run.lease.extend({ tokens: Math.max(0, tokens), ...sumOf(fetched) })
    run.addPictures(fetched)
  }
  const { body, contentType } = taken.finish()
  const contentDigest = await contentDigestOf(body)
  const claims = {
    tenant: run.lease.tenant,
    requestId: c.get('requestId'),
    deadlineMs: life.deadlineMs,
    maxTotalTokens: run.lease.maxTokens,
    ...mayBecomeJob(c, endpoint, run.lease),
  }
  const { pool, sign, now } = services
  const backends = backendsOf(services.settings.BACKENDS, c.env)
  probeEjected(pool, backends, now(), (probes) => c.executionCtx.waitUntil(probes))
  const forwarded = await forward('POST', endpoint.path, {
    pool,
    backends,
    now,
    body,
    sent,
    signal: life.signal,
    headers: async () => ({
      ...(await sign({ method: 'POST', target: endpoint.path, contentType, contentDigest, claims }, now())),
      [headerNames.requestId]: claims.requestId,
      [headerNames.traceparent]: c.get('traceparent'),
    }),
  })
  run.backend = forwarded.backend
  return forwarded
}

async function relay(
  c: HttpContext,
  { response }: Forwarded,
  run: Run,
  life: RequestLife,
  once: OnceOnly | null,
): Promise<Response> {
  const headers: Record<string, string> = {}
  for (const name of passedHeaders) {
    const value = response.headers.get(name)
    if (value !== null) headers[name] = value
  }
  const { status } = response
  const own = { ...commonHeaders(c), ...limitHeaders(run.lease.reports) }
  if (response.ok && isEventStream(response) && response.body) {
    const stream = relayStream(response.body, (result) => run.streamEnded(result), life.signal)
    if (once) return withHeaders(await once.stream({ status, headers }, stream), own)
    return new Response(stream, { status, headers: { ...own, ...headers } })
  }
  const { text, usage } = await answerWhole(response)
  if (status === 202) await run.becameJob()
  else run.answered(status, usage)
  if (once) await (response.ok ? once.keep({ status, headers }, text) : once.abandon())
  return new Response(text, { status, headers: { ...own, ...headers } })
}

function withHeaders(response: Response, headers: Readonly<Record<string, string>>): Response {
  for (const [name, value] of Object.entries(headers)) response.headers.set(name, value)
  return response
}

const passedHeaders = [
  'content-type',
  'cache-control',
  'retry-after',
  'server-timing',
  'x-accel-buffering',
  'location',
  'preference-applied',
]

function isEventStream(response: Response): boolean {
  return response.headers.get('content-type')?.startsWith('text/event-stream') ?? false
}

/** An upper bound on the tokens of a request with these pictures. */
function tokensOf(c: HttpContext, taken: TakenIn, pictures: readonly SizedPicture[]): number {
  const hasTools = Array.isArray(taken.request['tools'])
  return maxTokensOf({ ...taken, pictures, hasTools }, c.get('services').settings.MODEL_PROFILE)
}

type Settings = HttpContext['var']['services']['settings']

export function intakeLimits(settings: Settings): IntakeLimits {
  return {
    maxImageBytes: settings.MAX_IMAGE_BYTES,
    maxImagePixels: settings.MAX_IMAGE_PIXELS,
    maxImages: settings.MAX_IMAGES,
    maxTextBytes,
    // base64 makes four bytes of three.
    maxBodyBytes: Math.ceil((settings.MAX_REQUEST_BYTES * 4) / 3) + maxTextBytes,
    defaultMaxNewTokens,
  }
}

const maxTextBytes = 2 * 1024 * 1024
const defaultMaxNewTokens = 512

function urlPolicy(settings: Settings) {
  return { allowHttp: settings.ALLOW_HTTP_IMAGES, ports: [], trustedHosts: [] }
}
