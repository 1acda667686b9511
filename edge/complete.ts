import { headerNames } from '../shared/headers.ts'
import { contentDigestOf } from '../shared/signing.ts'
import { credentialsOf } from './authenticate.ts'
import type { CompletionEndpoint } from './endpoints.ts'
import { answerWhole } from './forward/answer-whole.ts'
import { type Forwarded, forward, probeEjected } from './forward/forward.ts'
import { relayStream } from './forward/relay-stream.ts'
import type { HttpContext } from './http-env.ts'
import { scopeOf } from './http-env.ts'
import { HeldBytes } from './intake/byte-budget.ts'
import { maxTokensOf } from './intake/cost.ts'
import { sumOf, type TakenIn, takeIn } from './intake/intake.ts'
import type { SizedPicture } from './intake/picture.ts'
import { Lease } from './keys/lease.ts'
import { limitHeaders } from './limit-headers.ts'
import { Run } from './run.ts'
import { backendsOf } from './services.ts'

/** Room for JSON and multipart heads beside the pictures a request may hold. */
const extraHeldBytes = 4 * 1024 * 1024

/** A completion from the client's request to its answer: taken in, admitted, signed, forwarded, relayed, settled. */
export async function complete(c: HttpContext, endpoint: CompletionEndpoint): Promise<Response> {
  const { settings, budget } = c.get('services')
  const held = new HeldBytes(budget, settings.MAX_REQUEST_BYTES + extraHeldBytes)
  try {
    const taken = await takeIn(c.req.raw, endpoint, intakeLimits(settings), held, urlPolicy(settings))
    const lease = await admit(c, taken)
    const run = new Run(c, lease, taken.sent)
    try {
      const forwarded = await fetchAndForward(c, endpoint, taken, run)
      return await relay(forwarded, run)
    } catch (error) {
      run.fail(error)
      throw run.reasonFor(error)
    }
  } finally {
    // The body has been sent, or never will be.
    held.giveBackAll()
  }
}

async function admit(c: HttpContext, taken: TakenIn): Promise<Lease> {
  const { keys } = c.get('services')
  const { model } = taken.request
  const demand = { tokens: tokensOf(c, taken, taken.sent), ...sumOf(taken.sent) }
  const lease = await Lease.take(keys, scopeOf(c), {
    keyId: c.get('key').id,
    who: await credentialsOf(c),
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
): Promise<Forwarded> {
  const { services } = c.var
  if (taken.toFetch.length > 0) {
    const fetched = await taken.fetchAll(services.fetchImage, run.signal)
    const tokens = tokensOf(c, taken, [...taken.sent, ...fetched]) - run.lease.maxTokens
    await run.lease.extend({ tokens: Math.max(0, tokens), ...sumOf(fetched) })
    run.addPictures(fetched)
  }
  const { body, contentType } = taken.finish()
  const contentDigest = await contentDigestOf(body)
  const claims = {
    tenant: run.lease.tenant,
    requestId: c.get('requestId'),
    deadlineMs: run.deadlineMs,
    maxTotalTokens: run.lease.maxTokens,
  }
  const { pool, sign, now } = services
  const backends = backendsOf(services.settings.BACKENDS, c.env)
  c.executionCtx.waitUntil(probeEjected(pool, backends, now()))
  const forwarded = await forward('POST', endpoint.path, {
    pool,
    backends,
    now,
    body,
    signal: run.signal,
    headers: async () => ({
      ...(await sign({ method: 'POST', target: endpoint.path, contentType, contentDigest, claims }, now())),
      [headerNames.requestId]: claims.requestId,
      [headerNames.traceparent]: c.get('traceparent'),
    }),
  })
  run.backend = forwarded.backend
  return forwarded
}

async function relay({ response }: Forwarded, run: Run): Promise<Response> {
  const headers = new Headers(limitHeaders(run.lease.reports))
  for (const name of passedHeaders) {
    const value = response.headers.get(name)
    if (value !== null) headers.set(name, value)
  }
  if (response.ok && response.body && isEventStream(response)) {
    const stream = relayStream(response.body, (result) => run.streamEnded(result), run.signal)
    return new Response(stream, { status: response.status, headers })
  }
  const { text, usage } = await answerWhole(response)
  run.answered(response.status, usage)
  return new Response(text, { status: response.status, headers })
}

const passedHeaders = ['content-type', 'cache-control', 'retry-after', 'server-timing', 'x-accel-buffering']

function isEventStream(response: Response): boolean {
  return response.headers.get('content-type')?.startsWith('text/event-stream') ?? false
}

/** An upper bound on the tokens of a request with these pictures. */
function tokensOf(c: HttpContext, taken: TakenIn, pictures: readonly SizedPicture[]): number {
  const hasTools = Array.isArray(taken.request['tools'])
  return maxTokensOf({ ...taken, pictures, hasTools }, c.get('services').settings.MODEL_PROFILE)
}

type Settings = HttpContext['var']['services']['settings']

function intakeLimits(settings: Settings) {
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
