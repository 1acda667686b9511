import type { Bindings } from '../../../edge/env.ts'
import type worker from '../../../edge/worker.ts'

declare global {
  namespace Cloudflare {
    interface Env extends Bindings {
      readonly ADMIN_TOKEN: string
      readonly HOP_SECRET: string
      readonly SETTLEMENT_KEYS: string
      readonly BACKEND: Fetcher
    }
    interface GlobalProps {
      mainModule: { default: typeof worker }
    }
  }
}
