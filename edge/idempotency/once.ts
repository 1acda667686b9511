import { ApiError } from '../../shared/errors.ts'
import { headerNames } from '../../shared/headers.ts'
import { credentialsOf } from '../authenticate.ts'
import type { HttpContext } from '../http-env.ts'
import { describeError, log } from '../log.ts'
import type { StoredHead } from './run-store.ts'

/** 1 to 255 printable ASCII characters, with or without the draft's quotes (draft-ietf-httpapi-idempotency-key-header). */
const keyPattern = /^[\x21-\x7e](?:[\x20-\x7e]{0,253}[\x21-\x7e])?$/

/** @throws ApiError `invalid_request` for a key that is none */
export function idempotencyKeyOf(c: HttpContext): string | null {
  const value = c.req.header(headerNames.idempotencyKey)
  if (value === undefined) return null
  if (keyPattern.test(value)) return value
  throw new ApiError('invalid_request', 'Idempotency-Key must have 1 to 255 printable ASCII characters', {
    param: headerNames.idempotencyKey,
  })
}

/** One run under an `Idempotency-Key`: this request's to make, or already another's. */
export class OnceOnly {
  readonly #c: HttpContext
  readonly #key: string

  private constructor(c: HttpContext, key: string) {
    this.#c = c
    this.#key = key
  }

  /**
   * Claims the key for this request; or the answer of the request that had it first.
   * @throws ApiError `idempotency_mismatch`, `idempotency_in_progress`, `backend_unreachable` when that answer was lost
   */
  static async claim(c: HttpContext, key: string, fingerprint: string): Promise<OnceOnly | Response> {
    const once = new OnceOnly(c, key)
    const begin = await once.#object().beginRun(credentialsOf(c), key, fingerprint)
    switch (begin) {
      case 'denied':
        throw new ApiError('invalid_api_key', 'this API key is not valid')
      case 'mismatch':
        throw new ApiError('idempotency_mismatch', 'this Idempotency-Key was used with another request')
      case 'lost':
        throw new ApiError(
          'backend_unreachable',
          'the answer under this Idempotency-Key was lost; use a new key',
        )
      case 'run':
        return once
      case 'join':
        return once.#answer(true)
    }
  }

  /** Keeps a whole answer. */
  async keep(head: StoredHead, text: string): Promise<void> {
    const object = this.#object()
    await object.appendRun(this.#key, head, new TextEncoder().encode(text))
    await object.finishRun(this.#key)
  }

  /** Nothing was answered: a retry may run. */
  async abandon(): Promise<void> {
    await this.#object().abandonRun(this.#key)
  }

  /** Keeps a stream as it comes, whether or not this client stays for it; the client reads what is kept. */
  async stream(head: StoredHead, body: ReadableStream<Uint8Array>): Promise<Response> {
    const object = this.#object()
    await object.appendRun(this.#key, head, new Uint8Array(0))
    this.#c.executionCtx.waitUntil(
      this.#pump(body).catch((error) => log('ERROR', 'Answer not kept', describeError(error))),
    )
    return this.#answer(false)
  }

  async #pump(body: ReadableStream<Uint8Array>) {
    const object = this.#object()
    for await (const chunk of body) {
      // Leaving the loop cancels the stream, and with it the backend's work.
      if (!(await object.appendRun(this.#key, null, chunk))) break
    }
    await object.finishRun(this.#key)
  }

  async #answer(replayed: boolean): Promise<Response> {
    const answer = await this.#object().readRun(this.#key)
    if (!answer) {
      const message = 'the request that had this Idempotency-Key first got no answer; send it again'
      throw new ApiError('idempotency_in_progress', message)
    }
    const headers = new Headers(answer.head.headers)
    if (replayed) headers.set('idempotent-replayed', 'true')
    return new Response(answer.body, { status: answer.head.status, headers })
  }

  #object() {
    const { KEYS } = this.#c.env
    return KEYS.get(KEYS.idFromName(this.#c.get('key').id))
  }
}
