import { env } from 'cloudflare:workers'
import { type Settlement, settlementsPath, signSettlements } from '../../../shared/settlement.ts'
import { parseSigningKeys, type SigningKey } from '../../../shared/signing.ts'
import { type KeyUsage, quotaUsedOf } from '../../support/key-usage.ts'
import { call, type MadeKey, seenOf, tinyPng } from './support.ts'

export const job = (fields: Record<string, unknown> = {}) => ({
  image: `data:image/png;base64,${tinyPng}`,
  prompt: 'say 3',
  ...fields,
})

export function submit(
  key: string,
  fields: Record<string, unknown> = {},
  headers: Record<string, string> = {},
): Promise<Response> {
  return call('/v1/jobs', {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...headers },
    body: JSON.stringify(job(fields)),
  })
}

export function submitBatch(key: string, lines: readonly Record<string, unknown>[]): Promise<Response> {
  return call('/v1/batches', {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/jsonl' },
    body: lines.map((line) => JSON.stringify(line)).join('\n'),
  })
}

/** What the backend was told of the key's jobs, by submission. */
export async function reservationsOf(made: MadeKey) {
  const seen = await seenOf(made)
  return seen.flatMap(({ claims, limits }) => {
    if (claims.job === undefined) return []
    const tokens = limits.length > 0 ? limits : [claims.maxTotalTokens]
    return [{ lines: tokens.map((most, line) => ({ most, id: `${claims.job?.reservation}-${line}` })) }]
  })
}

const [settlementKey] = parseSigningKeys(env.SETTLEMENT_KEYS)

export interface SettleOptions {
  readonly key?: SigningKey | undefined
  readonly nowMs?: number
  /** Sent instead of what was signed. */
  readonly body?: string
}

export async function settlementCall(
  keyId: string,
  settlements: readonly Settlement[],
  { key = settlementKey, nowMs = Date.now(), body }: SettleOptions = {},
): Promise<RequestInit & { body: string }> {
  if (!key) throw new Error('the key parses')
  const text = JSON.stringify({ key: keyId, settlements })
  const headers = await signSettlements(key, new Uint8Array(new TextEncoder().encode(text)), nowMs)
  return { method: 'POST', headers, body: body ?? text }
}

/** Settles as a backend does. */
export async function settle(
  keyId: string,
  reservation: string,
  promptTokens: number,
  completionTokens: number,
): Promise<Response> {
  const settlement = { reservation, prompt_tokens: promptTokens, completion_tokens: completionTokens }
  return call(settlementsPath, await settlementCall(keyId, [settlement]))
}

export async function usageOf(key: string): Promise<KeyUsage> {
  const response = await call('/v1/usage', { headers: { authorization: `Bearer ${key}` } })
  return (await response.json()) as KeyUsage
}

/** Tokens the day's quota counts as taken. */
export async function quotaUsed(key: string): Promise<number> {
  return quotaUsedOf(await usageOf(key))
}
