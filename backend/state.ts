import type { Services } from './services.ts'

/** Where the server is in its life. Routes that need the model ask for it here. */
export type ServerState =
  | { readonly status: 'loading' }
  | { readonly status: 'healthy'; readonly services: Services }
  | { readonly status: 'draining'; readonly services: Services | null }
  | { readonly status: 'unhealthy'; readonly reason: string }
