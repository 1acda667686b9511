import { z } from 'zod'
import { decodeBase64url, encodeBase64url } from './base64url.ts'
import { apiKeyId, reservationId } from './settlement.ts'

/** What the edge has reserved for the jobs of one submission. */
const jobClaim = z.strictObject({
  /** The API key whose quota it is: settlements name it. */
  keyId: apiKeyId,
  reservation: reservationId,
  /** The caller's Idempotency-Key, and what was asked under it. */
  once: z
    .strictObject({ key: z.string().min(1).max(255), fingerprint: z.string().min(1).max(128) })
    .nullable(),
})

export type JobClaim = z.infer<typeof jobClaim>

/** What the edge says of a request it has admitted. The backend believes it once the signature is checked. */
const claimsSchema = z.strictObject({
  /** Whose request it is: salts caches, decides fair shares. An id, never a key. */
  tenant: z.string().min(1).max(128),
  requestId: z.string().min(1).max(128),
  /** Moment the answer is worthless, ms since the epoch. */
  deadlineMs: z.int().positive(),
  /** Prompt and completion tokens reserved for this request: it may not spend more. */
  maxTotalTokens: z.int().positive(),
  /** Absent: the request may not become a job. */
  job: jobClaim.optional(),
})

export type Claims = z.infer<typeof claimsSchema>

export function encodeClaims(claims: Claims): string {
  return encodeBase64url(new TextEncoder().encode(JSON.stringify(claims)))
}

/** The claims of a header value; null when it carries none. */
export function decodeClaims(value: string): Claims | null {
  const bytes = decodeBase64url(value)
  if (!bytes) return null
  try {
    return claimsSchema.parse(JSON.parse(new TextDecoder().decode(bytes)))
  } catch {
    // Neither JSON nor claims: to the caller both are one refusal.
    return null
  }
}
