import { createRequestSigner, type RequestSigner } from '../shared/signed-request.ts'
import type { Bindings, Settings } from './env.ts'
import { BackendPool } from './forward/backend-pool.ts'
import type { Backend } from './forward/forward.ts'
import { ByteBudget } from './intake/byte-budget.ts'
import type { Fetch } from './intake/fetch-image.ts'
import { Turns } from './intake/turns.ts'
import { GenuineKeys } from './keys/genuine-keys.ts'
import { KeyClient } from './keys/key-client.ts'
import { createKeyChecker, type KeyChecker } from './keys/key-format.ts'

/** Four bodies of 2 MB keep a core busy (bench/edge); more only wait for it with their hands full. */
const largeBodiesAtOnce = 4
const maxTurnWaitMs = 3000

/** What all requests of an isolate share. */
export interface Services {
  readonly settings: Settings
  readonly checker: KeyChecker
  readonly genuineKeys: GenuineKeys
  readonly keys: KeyClient
  readonly sign: RequestSigner
  readonly budget: ByteBudget
  readonly turns: Turns
  readonly pool: BackendPool
  readonly fetchImage: Fetch
  readonly now: () => number
}

export function createServices(settings: Settings, fetchImage: Fetch): Services {
  const [signingKey] = settings.SIGNING_KEYS
  if (!signingKey) throw new Error('SIGNING_KEYS holds no key')
  const checker = createKeyChecker(settings.KEY_CHECK_SECRETS)
  return {
    settings,
    checker,
    genuineKeys: new GenuineKeys(checker),
    keys: new KeyClient(),
    sign: createRequestSigner(signingKey),
    budget: new ByteBudget(settings.BYTE_BUDGET),
    turns: new Turns(largeBodiesAtOnce, maxTurnWaitMs),
    pool: new BackendPool(settings.BACKENDS, Math.random),
    fetchImage,
    now: () => Date.now(),
  }
}

/** The backends as one request may use them: a service binding belongs to the request it came with. */
export function backendsOf(names: readonly string[], bindings: Bindings): Backend[] {
  return names.map((name) => {
    if (!name.startsWith('binding:')) return { name, fetch: (path, init) => fetch(`${name}${path}`, init) }
    const service = bindings[name.slice('binding:'.length)]
    if (!isFetcher(service)) throw new Error(`no service is bound as ${name}`)
    // The host is for the other side's eyes only; the binding decides who is asked.
    return { name, fetch: (path, init) => service.fetch(`http://backend${path}`, init) }
  })
}

function isFetcher(value: unknown): value is Fetcher {
  return typeof value === 'object' && value !== null && 'fetch' in value
}
