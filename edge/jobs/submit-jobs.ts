import type { JobClaim } from '../../shared/claims.ts'
import { ApiError } from '../../shared/errors.ts'
import { credentialsOf } from '../authenticate.ts'
import { extraHeldBytes, intakeLimits, receive, takeTurn } from '../complete.ts'
import type { JsonObject } from '../endpoints.ts'
import { type HttpContext, scopeOf } from '../http-env.ts'
import { idempotencyKeyOf } from '../idempotency/once.ts'
import { HeldBytes } from '../intake/byte-budget.ts'
import type { TakenIn } from '../intake/intake.ts'
import type { SizedPicture } from '../intake/picture.ts'
import { Lease } from '../keys/lease.ts'
import type { Demand } from '../limits/amounts.ts'
import { RequestLife } from '../request-life.ts'
import { forwardJobs } from './forward-jobs.ts'
import { sumOfDemands } from './job-book.ts'
import { demandsOf, type JobEndpoint } from './job-endpoints.ts'

/** Jobs from the client's request to the queue's word for them: taken in, admitted, reserved, signed, forwarded. */
export function submitJobs(c: HttpContext, endpoint: JobEndpoint): Promise<Response> {
  const answer = submit(c, endpoint)
  // What was reserved must be told to somebody even when the client does not stay to hear.
  c.executionCtx.waitUntil(answer.catch(() => {})) // whoever awaits the answer meets its error
  return answer
}

async function submit(c: HttpContext, endpoint: JobEndpoint): Promise<Response> {
  const { settings, budget, now } = c.get('services')
  if (settings.SETTLEMENT_KEYS === undefined) {
    throw new ApiError('unsupported_parameter', 'this edge takes no jobs: it needs SETTLEMENT_KEYS')
  }
  const onceKey = idempotencyKeyOf(c)
  const limits = endpoint.limits(intakeLimits(settings))
  const held = new HeldBytes(budget, settings.MAX_REQUEST_BYTES + extraHeldBytes)
  const life = new RequestLife(c.req.raw.signal, settings.REQUEST_TIMEOUT_MS, now)
  let taken: TakenIn | null = null
  const endTurn = await takeTurn(c)
  try {
    const received = await receive(c, endpoint, held, life, limits)
    taken = received
    requireFewUrls(received, endpoint.maxUrls(limits))
    const measure = (pictures: readonly SizedPicture[]) =>
      demandsOf(endpoint, received.request, pictures, limits, settings)
    const model = modelOf(endpoint.jobs(received.request))
    const lease = await admit(c, model, sumOfDemands(measure(received.sent)), life)
    return await forwardJobs(c, endpoint, lease, async () => {
      const pictures = await fetchMissing(c, received, measure, lease, life)
      return { taken: received, jobs: measure(pictures), once: await onceOf(onceKey, received) }
    })
  } catch (error) {
    throw life.reasonFor(error)
  } finally {
    life.close()
    endTurn()
    taken?.release()
    held.close()
  }
}

function requireFewUrls({ toFetch }: TakenIn, most: number) {
  const oneTooMany = toFetch[most]
  if (oneTooMany === undefined) return
  const message = `${toFetch.length} picture URLs, at most ${most} are fetched for one request`
  throw new ApiError('invalid_request', message, { param: oneTooMany.param })
}

/** The one model all jobs name; null: none, or several, of which a key that may not use all may use none. */
function modelOf(jobs: readonly JsonObject[]): string | null {
  const named = new Set(jobs.map(({ model }) => model))
  const [model] = named
  return named.size === 1 && typeof model === 'string' ? model : null
}

async function admit(
  c: HttpContext,
  model: string | null,
  demand: Demand,
  life: RequestLife,
): Promise<Lease> {
  const lease = await Lease.take(c.get('services').keys, scopeOf(c), life, {
    keyId: c.get('key').id,
    who: await credentialsOf(c),
    model,
    demand,
  })
  c.get('logFields')['tenant'] = lease.tenant
  return lease
}

/** All pictures, once those named by URL are here and paid for. */
async function fetchMissing(
  c: HttpContext,
  taken: TakenIn,
  measure: (pictures: readonly SizedPicture[]) => readonly Demand[],
  lease: Lease,
  life: RequestLife,
): Promise<readonly SizedPicture[]> {
  if (taken.toFetch.length === 0) return taken.sent
  const fetched = await taken.fetchAll(c.get('services').fetchImage, life.signal)
  const pictures = [...taken.sent, ...fetched]
  const whole = sumOfDemands(measure(pictures))
  await lease.extend({
    tokens: Math.max(0, whole.tokens - lease.demand.tokens),
    imageBytes: whole.imageBytes - lease.demand.imageBytes,
    pixels: whole.pixels - lease.demand.pixels,
  })
  return pictures
}

async function onceOf(key: string | null, taken: TakenIn): Promise<JobClaim['once']> {
  return key === null ? null : { key, fingerprint: await taken.fingerprint() }
}
