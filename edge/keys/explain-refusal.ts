import type { Refusal } from '../limits/ledger.ts'
import type { KeyAnswer } from './operations.ts'

type Explained = Omit<Extract<KeyAnswer, { type: 'refused' }>, 'type' | 'reports'>

const names = {
  requestsPerMinute: 'requests per minute',
  tokensPerMinute: 'tokens per minute',
  imageBytesPerMinute: 'image bytes per minute',
  pixelsPerMinute: 'pixels per minute',
  concurrentRequests: 'requests at once',
  tokensPerDay: 'tokens per day',
  tokensPerMonth: 'tokens per month',
} as const

/** A limit's refusal in the caller's words. */
export function explainRefusal(refusal: Refusal): Explained {
  switch (refusal.type) {
    case 'never':
      return {
        code: 'permission_denied',
        message: `this request may take ${refusal.asked}, but this API key has ${refusal.most} ${names[refusal.limit]}`,
        retryAfterMs: null,
      }
    case 'rate':
      return {
        code: 'rate_limit_exceeded',
        message: `this API key's limit of ${names[refusal.limit]} is reached`,
        retryAfterMs: refusal.retryAfterMs,
      }
    case 'concurrency':
      return {
        code: 'rate_limit_exceeded',
        message: `this API key already has ${refusal.most} ${names.concurrentRequests}`,
        retryAfterMs: refusal.retryAfterMs,
      }
    case 'quota':
      return {
        code: 'quota_exceeded',
        message: `this API key's quota of ${names[refusal.limit]} is used up`,
        retryAfterMs: refusal.retryAfterMs,
      }
  }
}
