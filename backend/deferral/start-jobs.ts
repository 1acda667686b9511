import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { ApiError } from '../../shared/errors.ts'
import { parseSigningKeys } from '../../shared/signing.ts'
import { publicUrlPolicy } from '../../shared/url-rules.ts'
import type { Config } from '../config.ts'
import { checkPersistence } from '../jobs/check-persistence.ts'
import { BLOCK_MS, JobConsumer } from '../jobs/job-consumer.ts'
import { JobQueue } from '../jobs/job-queue.ts'
import { Jobs } from '../jobs/jobs.ts'
import { connectRedis } from '../jobs/redis-link.ts'
import { ResultsTail, TAIL_BLOCK_MS } from '../jobs/results-tail.ts'
import { ScriptRunner } from '../jobs/script-runner.ts'
import { SettlementCourier } from '../jobs/settlement-courier.ts'
import { SettlementQueue } from '../jobs/settlement-queue.ts'
import { SettlementSender } from '../jobs/settlement-sender.ts'
import { WebhookCourier } from '../jobs/webhook-courier.ts'
import { WebhookSender } from '../jobs/webhook-sender.ts'
import type { Log } from '../log.ts'
import type { JobDepths } from '../metrics.ts'
import type { Services } from '../services.ts'
import { jobBody } from './job-body.ts'
import { createRunJob } from './run-job.ts'

/** The backend's share in the job queue. */
export interface JobService {
  readonly jobs: Jobs
  /** @throws {ApiError} `invalid_request`, `unsupported_parameter`: why no webhook may be sent there. */
  checkWebhook(url: string): void
  /** Whether the edge can be told what jobs took; without that no jobs are taken from it. */
  readonly settles: boolean
  /** Takes jobs as soon as there is a model to run them. */
  consume(services: Services): void
  /** Jobs being run here. */
  running(): number
  /** How full the queue is; null while Redis is away. */
  depths(): Promise<JobDepths | null>
  /** Takes no more jobs. */
  stop(): void
  /** Ends everything; jobs still running must have been told to finish. */
  close(): Promise<void>
}

function noWebhooks() {
  return new ApiError('unsupported_parameter', 'webhook: this server sends none (--webhook-secret)', {
    param: 'webhook',
  })
}

/** Connects to the job queue; null when no Redis is configured. Never waits for Redis and never fails without it. */
export function startJobs(config: Config, log: Log): JobService | null {
  if (config.redisUrl === null) return null
  const url = config.redisUrl
  const commands = connectRedis(url, 'glm-jobs', 0, log)
  commands.on('ready', () => checkPersistence(commands, log))
  const scripts = new ScriptRunner(commands)
  const queue = new JobQueue(commands, scripts, {
    maxJobs: config.maxJobs,
    resultTtlMs: config.jobResultTtl * 1000,
    maxAgeMs: config.jobMaxAge * 1000,
    leaseMs: config.jobLease * 1000,
  })
  const jobs = new Jobs(queue, new ResultsTail(connectRedis(url, 'glm-tail', TAIL_BLOCK_MS, log)))
  const blocking = connectRedis(url, 'glm-take', BLOCK_MS, log)
  const sender = new WebhookSender({ policy: { ...publicUrlPolicy, trustedHosts: config.allowWebhookHost } })
  const courier =
    config.webhookSecret === null
      ? null
      : new WebhookCourier({ queue, sender, secret: config.webhookSecret, body: jobBody, now: Date.now, log })
  const settlements = startSettlements(config, new SettlementQueue(scripts), log)
  let consumer: JobConsumer | null = null
  return {
    jobs,
    settles: settlements !== null,
    checkWebhook: (target) => {
      if (courier === null) throw noWebhooks()
      sender.check(target)
    },
    consume: (services) => {
      const { maxBatchSize: slots } = config
      consumer = new JobConsumer({
        queue,
        blocking,
        consumer: `${hostname()}-${process.pid}-${randomUUID().slice(0, 8)}`,
        room: () => {
          const { freeSlots, state, waiting } = services.engine.stats()
          if (state !== 'serving') return 0 // a backend that cannot run jobs must not use up their tries
          // Who waits over HTTP goes first. A job holds a place from the moment it is taken, not only once it has a slot.
          return waiting > 0 ? 0 : slots - Math.max(consumer?.running ?? 0, slots - freeSlots)
        },
        run: createRunJob(services, config.requestTimeout * 1000),
        maxTries: config.jobAttempts,
        leaseMs: config.jobLease * 1000,
        random: Math.random,
        log,
      })
    },
    running: () => consumer?.running ?? 0,
    depths: () => queue.depths().catch(() => null),
    stop: () => consumer?.stop(),
    close: async () => {
      await consumer?.close()
      await Promise.all([courier?.close(), settlements?.close(), jobs.close()])
      blocking.disconnect()
      commands.disconnect()
    },
  }
}

/** null: there is no edge to tell. */
function startSettlements(config: Config, queue: SettlementQueue, log: Log): SettlementCourier | null {
  const { edgeUrl, settlementKey } = config
  const [key] = settlementKey === null ? [] : parseSigningKeys(settlementKey)
  if ((edgeUrl === null) !== (key === undefined)) {
    log.warn({}, 'Jobs through the edge need both --edge-url and --settlement-key: they will be refused')
  }
  if (edgeUrl === null || key === undefined) return null
  const sender = new SettlementSender({ edgeUrl, key, now: Date.now })
  return new SettlementCourier({ queue, sender, random: Math.random, log })
}
