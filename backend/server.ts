import { ApiError } from '../shared/errors.ts'
import { ByteBudget } from './byte-budget.ts'
import type { Config } from './config.ts'
import type { JobService } from './deferral/start-jobs.ts'
import type { Log } from './log.ts'
import { Metrics } from './metrics.ts'
import type { Services } from './services.ts'
import type { ServerState } from './state.ts'
import { Tracing } from './tracing.ts'

/** Seconds after which a refused caller may ask again: a model loads in seconds, another instance takes over at once. */
const RETRY_AFTER_S = { loading: 5, draining: 1, unhealthy: 10 } as const

/** What every route needs: the configuration, the log, and the model's services while there are any. */
export class Server {
  readonly config: Config
  readonly log: Log
  readonly version: string
  readonly metrics = new Metrics()
  /** Of all requests, bodies and pictures. */
  readonly memory: ByteBudget
  /** null: this server takes no jobs. */
  readonly jobs: JobService | null
  /** null: nobody collects traces. */
  readonly tracing: Tracing | null
  state: ServerState = { status: 'loading' }

  constructor(config: Config, log: Log, version: string, jobs: JobService | null) {
    this.config = config
    this.tracing = config.otlpUrl === null ? null : new Tracing(config.otlpUrl, version)
    this.memory = new ByteBudget(config.maxHeldBytes)
    this.log = log
    this.version = version
    this.jobs = jobs
  }

  /** The state as callers see it: a model that is being started again is loading. */
  view(): ServerState {
    const { state } = this
    if (state.status !== 'healthy') return state
    const engine = state.services.engine.stats().state
    if (engine === 'restarting') return { status: 'loading' }
    return engine === 'failed' ? { status: 'unhealthy', reason: 'the model is gone' } : state
  }

  /** @throws {ApiError} `not_ready` while loading or unhealthy, `draining` on the way out. */
  services(): Services {
    const state = this.state
    if (state.status === 'healthy') return state.services
    const retryAfterS = RETRY_AFTER_S[state.status]
    if (state.status === 'draining') {
      throw new ApiError('draining', 'this server is shutting down', { retryAfterS })
    }
    throw new ApiError('not_ready', `the model is ${state.status}`, { retryAfterS })
  }
}
