import type { HttpBindings } from '@hono/node-server'
import type { Claims } from '../../shared/claims.ts'
import type { TokenCount } from '../completion/token-count.ts'
import type { Caller } from '../engine/caller.ts'

/** What every request carries through the middlewares to its route. */
export interface HttpEnv {
  Bindings: Partial<HttpBindings>
  Variables: {
    requestId: string
    /** Identity without a deadline; routes add theirs. */
    callerId: Caller['id']
    /** What the edge vouches for and sent along; null: a direct caller. */
    signed: SignedRequest | null
    /** Tokens read and written so far, for whoever is charged if the answer breaks off. */
    tokens: TokenCount
    /** Fields of the access log's line, filled in by whoever knows them. */
    access: Record<string, string | number | boolean | null>
  }
}

export interface SignedRequest {
  readonly claims: Claims
  /** The pictures' files, in the order of their references. */
  readonly attachments: readonly Uint8Array[]
  /** Tokens each line of a batch may take; empty for anything else. */
  readonly limits: readonly number[]
}
