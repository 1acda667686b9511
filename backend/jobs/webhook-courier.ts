import type { JobLog } from './job-log.ts'
import type { JobQueue } from './job-queue.ts'
import type { JobRecord } from './job-record.ts'
import { Rounds } from './rounds.ts'
import type { WebhookSender } from './webhook-sender.ts'
import { signWebhook } from './webhook-signature.ts'

export interface WebhookCourierOptions {
  readonly queue: JobQueue
  readonly sender: WebhookSender
  readonly secret: string
  /** What is posted of a job that has ended. */
  readonly body: (record: JobRecord) => object
  readonly now: () => number
  readonly log: JobLog
}

const AT_ONCE = 8
/** Longer than a try can take: a sender that dies leaves its webhooks to another after this. */
const LEASE_MS = 30_000
const MAX_TRIES = 8
const BASE_DELAY_MS = 5000
/** 5 s, 20 s, 80 s, … : the last try comes some hours after the first, while the result is still kept. */
const DELAY_FACTOR = 4

/** Sends what is due, at least once each, from whichever backend comes first. */
export class WebhookCourier {
  readonly #options: WebhookCourierOptions
  readonly #rounds: Rounds

  constructor(options: WebhookCourierOptions) {
    this.#options = options
    this.#rounds = new Rounds(() => this.#round())
  }

  close(): Promise<void> {
    return this.#rounds.close()
  }

  async #round(): Promise<boolean> {
    const due = await this.#options.queue.takeWebhooks(AT_ONCE, LEASE_MS)
    await Promise.all(due.map(({ id, tries }) => this.#send(id, tries)))
    return false
  }

  async #send(id: string, tries: number): Promise<void> {
    const { body, log, now, queue, secret, sender } = this.#options
    const [url, record] = await Promise.all([queue.webhookOf(id), queue.read(id)])
    if (url === null || record === null) return queue.settleWebhook(id, null, 'failed')
    try {
      const text = JSON.stringify(body(record))
      await sender.post(url, signWebhook(secret, `job_${id}`, now(), text), text, this.#rounds.signal)
      await queue.settleWebhook(id, null, 'sent')
    } catch (error) {
      if (this.#rounds.signal.aborted) return
      const last = tries >= MAX_TRIES
      log.warn(
        { job_id: id, tries, problem: error instanceof Error ? error.message : '' },
        'A webhook failed',
      )
      const delayMs = last ? null : BASE_DELAY_MS * DELAY_FACTOR ** (tries - 1)
      await queue.settleWebhook(id, delayMs, last ? 'failed' : 'retrying')
    }
  }
}
