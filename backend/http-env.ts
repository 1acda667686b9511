import type { HttpBindings } from '@hono/node-server'
import type { Caller } from './engine/caller.ts'

/** What every request carries through the middlewares to its route. */
export interface HttpEnv {
  Bindings: Partial<HttpBindings>
  Variables: {
    requestId: string
    /** Identity without a deadline; routes add theirs. */
    callerId: Caller['id']
    /** Fields of the access log's line, filled in by whoever knows them. */
    access: Record<string, string | number | boolean | null>
  }
}
