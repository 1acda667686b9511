import { createHmac } from 'node:crypto'

/**
 * The headers of a signed webhook, as Standard Webhooks 1.0 has them (standardwebhooks.com): receivers verify with any
 * of its libraries. The id is the job's, the same on every try, so that a repeated one is known.
 */
export function signWebhook(secret: string, id: string, nowMs: number, body: string): Record<string, string> {
  const timestamp = Math.floor(nowMs / 1000)
  const mac = createHmac('sha256', secret).update(`${id}.${timestamp}.${body}`).digest('base64')
  return {
    'webhook-id': id,
    'webhook-timestamp': String(timestamp),
    'webhook-signature': `v1,${mac}`,
  }
}
