import { parseRequest } from '../../shared/parse-request.ts'
import { refusedSettlement, settlementRequest, verifySettlements } from '../../shared/settlement.ts'
import type { HttpContext } from '../http-env.ts'
import { readBody } from '../intake/read-body.ts'
import { withDeadline } from '../with-deadline.ts'
import type { SettledJobs } from './job-book.ts'

/** Twenty-five settlements are some three thousand bytes. */
const maxBodyBytes = 16 * 1024
const timeoutMs = 5000

/**
 * `POST /backend/settlements`: what jobs of one key have taken. The signature is checked before the body is read; the key's
 * object hears each call once, and settles each job once however many calls name it.
 * @throws ApiError `invalid_signature` for a forged, old or repeated call
 */
export async function takeSettlements(c: HttpContext): Promise<Response> {
  const { settings, now } = c.get('services')
  if (settings.SETTLEMENT_KEYS === undefined) throw refusedSettlement()
  const verified = await verifySettlements(c.req.raw.headers, settings.SETTLEMENT_KEYS, now())
  const body = await wholeBody(c)
  await verified.checkBody(body)
  const { key, settlements } = parseRequest(settlementRequest, JSON.parse(new TextDecoder().decode(body)))
  const { KEYS } = c.env
  const object = KEYS.get(KEYS.idFromName(key))
  const settled = await withDeadline<SettledJobs | 'replayed'>(
    object.settleJobs(verified.nonce, verified.expiresMs, settlements),
    timeoutMs,
    'the key did not answer in time',
  )
  if (settled === 'replayed') throw refusedSettlement()
  c.get('logFields')['key_id'] = key
  c.get('logFields')['settlements'] = settlements.length
  tellUsage(c, key, settled)
  return c.json({ pending: settled.pending }, 200)
}

async function wholeBody(c: HttpContext): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array<ArrayBuffer>[] = []
  await readBody(c.req.raw, maxBodyBytes, (chunk) => chunks.push(chunk.slice()))
  return new Uint8Array(await new Blob(chunks).arrayBuffer())
}

function tellUsage(c: HttpContext, keyId: string, { tenant, uses }: SettledJobs) {
  for (const { promptTokens, completionTokens, images } of uses) {
    c.env.USAGE?.writeDataPoint({
      indexes: [tenant],
      blobs: [keyId, '/v1/jobs', 'settled'],
      doubles: [promptTokens, completionTokens, images, 0],
    })
  }
}
