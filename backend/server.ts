import { ApiError } from '../shared/errors.ts'
import type { Config } from './config.ts'
import type { Log } from './log.ts'
import type { Services } from './services.ts'
import type { ServerState } from './state.ts'

/** Seconds after which a refused caller may ask again: a model loads in seconds, another instance takes over at once. */
const RETRY_AFTER_S = { loading: 5, draining: 1, unhealthy: 10 } as const

/** What every route needs: the configuration, the log, and the model's services while there are any. */
export class Server {
  readonly config: Config
  readonly log: Log
  readonly version: string
  state: ServerState = { status: 'loading' }

  constructor(config: Config, log: Log, version: string) {
    this.config = config
    this.log = log
    this.version = version
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
