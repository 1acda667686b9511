/**
 * Every error a caller can meet, at the edge and at the backend alike. A code decides the HTTP status and the
 * OpenAI error type; the message says what is wrong in the caller's words.
 */
export const errorCodes = {
  invalid_json: { status: 400, type: 'invalid_request_error' },
  invalid_request: { status: 400, type: 'invalid_request_error' },
  invalid_image: { status: 400, type: 'invalid_request_error' },
  invalid_image_url: { status: 400, type: 'invalid_request_error' },
  image_fetch_failed: { status: 400, type: 'invalid_request_error' },
  context_length_exceeded: { status: 400, type: 'invalid_request_error' },
  unsupported_parameter: { status: 400, type: 'invalid_request_error' },
  plugin_refused: { status: 400, type: 'invalid_request_error' },
  unsupported_schema: { status: 400, type: 'invalid_request_error' },
  invalid_api_key: { status: 401, type: 'authentication_error' },
  invalid_signature: { status: 401, type: 'authentication_error' },
  permission_denied: { status: 403, type: 'permission_error' },
  not_found: { status: 404, type: 'invalid_request_error' },
  model_not_found: { status: 404, type: 'invalid_request_error' },
  method_not_allowed: { status: 405, type: 'invalid_request_error' },
  request_timeout: { status: 408, type: 'invalid_request_error' },
  idempotency_in_progress: { status: 409, type: 'idempotency_error' },
  image_too_large: { status: 413, type: 'invalid_request_error' },
  body_too_large: { status: 413, type: 'invalid_request_error' },
  unsupported_media_type: { status: 415, type: 'invalid_request_error' },
  idempotency_mismatch: { status: 422, type: 'idempotency_error' },
  rate_limit_exceeded: { status: 429, type: 'rate_limit_error' },
  quota_exceeded: { status: 429, type: 'insufficient_quota' },
  client_closed_request: { status: 499, type: 'invalid_request_error' },
  internal_error: { status: 500, type: 'server_error' },
  plugin_error: { status: 500, type: 'server_error' },
  backend_unreachable: { status: 502, type: 'server_error' },
  queue_full: { status: 503, type: 'server_error' },
  not_ready: { status: 503, type: 'server_error' },
  draining: { status: 503, type: 'server_error' },
  worker_restarting: { status: 503, type: 'server_error' },
  deadline_exceeded: { status: 504, type: 'server_error' },
} as const satisfies Record<string, { status: number; type: string }>

export type ErrorCode = keyof typeof errorCodes

/** The one error body, OpenAI's shape. */
export interface ErrorBody {
  readonly error: {
    readonly message: string
    readonly type: string
    readonly param: string | null
    readonly code: ErrorCode
  }
}

export interface ApiErrorOptions {
  /** The field of the request that is wrong, as the caller spelled it: `image`, `messages[0].content`. */
  readonly param?: string
  /** Seconds the caller should wait; sent as `Retry-After`. Every 429 and 503 carries one. */
  readonly retryAfterS?: number
  /** What really happened, for the log alone. */
  readonly cause?: unknown
}

/** A refusal with a code from the table. Thrown anywhere, turned into a response in one place per program. */
export class ApiError extends Error {
  override readonly name = 'ApiError'
  readonly code: ErrorCode
  readonly param: string | null
  readonly retryAfterS: number | null

  constructor(code: ErrorCode, message: string, options: ApiErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.param = options.param ?? null
    this.retryAfterS = options.retryAfterS ?? null
  }

  get status() {
    return errorCodes[this.code].status
  }

  body(): ErrorBody {
    const { type } = errorCodes[this.code]
    return { error: { message: this.message, type, param: this.param, code: this.code } }
  }
}
