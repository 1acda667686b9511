import { z } from '@hono/zod-openapi'
import { ApiError } from './errors.ts'
import { readFreshSignature, signFreshly } from './fresh-signature.ts'
import { headerNames } from './headers.ts'
import { contentDigestOf, importSigningKey, type SigningKey } from './signing.ts'

/** Where the edge takes settlements. */
export const settlementsPath = '/backend/settlements'

/** Settlements of one call: as many as the platform takes usage events of one. */
export const maxSettlements = 25

export const apiKeyId = z.string().regex(/^[0-9A-Za-z]{12}$/)
/** What the edge calls the reservation of one submission; each of its jobs is `<reservation>-<line from 0>`. */
export const reservationId = z.string().regex(/^[\w-]{1,64}$/)
const jobReservation = z.string().regex(/^[\w-]{1,64}-\d{1,5}$/)

/** What jobs of one API key have really taken: each replaces its reservation, once. */
export const settlementRequest = z
  .strictObject({
    key: apiKeyId,
    settlements: z
      .array(
        z.strictObject({
          reservation: jobReservation,
          prompt_tokens: z.int().min(0),
          completion_tokens: z.int().min(0),
        }),
      )
      .min(1)
      .max(maxSettlements),
  })
  .openapi('Settlements')

export const settlementAnswer = z
  .strictObject({
    pending: z.array(jobReservation).openapi({
      description: 'Not reserved yet: to be settled again in a moment. All others are done with.',
    }),
  })
  .openapi('SettlementAnswer')

export type SettlementRequest = z.infer<typeof settlementRequest>
export type Settlement = SettlementRequest['settlements'][number]

/** Stands where a request has its claims, so that neither signature can ever pass for the other. */
const purpose = 'settlement'
const contentType = 'application/json'

/** The headers of a signed settlement call. */
export async function signSettlements(
  key: SigningKey,
  body: Uint8Array<ArrayBuffer>,
  nowMs: number,
): Promise<Record<string, string>> {
  const contentDigest = await contentDigestOf(body)
  const imported = await importSigningKey(key)
  return {
    'content-type': contentType,
    [headerNames.contentDigest]: contentDigest,
    [headerNames.signature]: await signFreshly(key.id, imported, partsOf(contentDigest), nowMs),
  }
}

export interface VerifiedSettlements {
  /** To be remembered until `expiresMs`: the same call may count once. */
  readonly nonce: string
  readonly expiresMs: number
  /** @throws ApiError `invalid_signature` unless `body` is what was signed. */
  checkBody(body: Uint8Array<ArrayBuffer>): Promise<void>
}

/**
 * Checks a settlement call's signature before its body is read. Whether it is replayed its nonce tells.
 * @throws ApiError `invalid_signature`
 */
export async function verifySettlements(
  headers: { get(name: string): string | null },
  keys: readonly SigningKey[],
  nowMs: number,
): Promise<VerifiedSettlements> {
  const signature = await readFreshSignature(headers, keys, partsOf, nowMs)
  if (!signature) throw refusedSettlement()
  return {
    nonce: signature.nonce,
    expiresMs: signature.expiresMs,
    async checkBody(body) {
      if (!(await signature.covers(body))) throw refusedSettlement()
    },
  }
}

const partsOf = (contentDigest: string) => ({
  method: 'POST',
  target: settlementsPath,
  contentType,
  contentDigest,
  claims: purpose,
})

/** One message for every reason: a forger learns nothing from it. */
export function refusedSettlement() {
  return new ApiError('invalid_signature', 'the signature of this call is not valid')
}
