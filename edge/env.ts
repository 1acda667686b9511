import { z } from '@hono/zod-openapi'
import { parseSigningKeys } from '../shared/signing.ts'
import { modelProfile } from './intake/cost.ts'
import type { DirectoryObject } from './keys/directory-object.ts'
import type { KeyObject } from './keys/key-object.ts'

/** What the platform binds. Services named in `BACKENDS` are found by their name. */
export interface Bindings {
  readonly KEYS: DurableObjectNamespace<KeyObject>
  readonly DIRECTORY: DurableObjectNamespace<DirectoryObject>
  readonly USAGE?: AnalyticsEngineDataset
  readonly [name: string]: unknown
}

const mebibyte = 1024 * 1024
const count = (fallback: number) => z.coerce.number().int().min(1).default(fallback)
const list = z.string().transform((text) =>
  text
    .split(',')
    .map((entry) => entry.trim())
    .filter(Boolean),
)
const minSecretCharacters = 32

const settingsSchema = z.object({
  /** `binding:NAME` for a service the platform binds, or the `https://…` origin of a backend on the internet. */
  BACKENDS: list.pipe(z.array(z.string().regex(/^(binding:\w+|https?:\/\/[^/]+)$/)).min(1)),
  MODEL_PROFILE: z
    .string()
    .transform((text) => JSON.parse(text))
    .pipe(modelProfile),
  /** `id:base64url,…`: the first signs; the backends know all of them. */
  SIGNING_KEYS: z.string().transform(parseSigningKeys),
  /** `id:base64url,…`: what backends sign their settlements of jobs with; without it no jobs are taken. */
  SETTLEMENT_KEYS: z.string().transform(parseSigningKeys).optional(),
  /** Makes the checks of API keys: the first mints, all are accepted. */
  KEY_CHECK_SECRETS: list.pipe(z.array(z.string().min(minSecretCharacters)).min(1)),
  ADMIN_TOKEN: z.string().min(minSecretCharacters),
  /** Who tells a client's address: Cloudflare, a trusted hop that proves itself with HOP_SECRET, or nobody. */
  CLIENT_ADDRESS: z.enum(['cloudflare', 'hop', 'none']).default('none'),
  HOP_SECRET: z.string().min(minSecretCharacters).optional(),
  /** Origins whose pages may call the API; `*` for all. */
  CORS_ORIGINS: list.default([]),
  ALLOW_HTTP_IMAGES: z.stringbool().default(true),
  MAX_IMAGE_BYTES: count(10 * mebibyte),
  MAX_IMAGE_PIXELS: count(50_000_000),
  MAX_IMAGES: count(8),
  /** Bytes one request may hold here, all pictures together. */
  MAX_REQUEST_BYTES: count(20 * mebibyte),
  /** Bytes all requests of an isolate may hold together, of its 128 MB. */
  BYTE_BUDGET: count(64 * mebibyte),
  REQUEST_TIMEOUT_MS: count(300_000),
})

export type Settings = z.infer<typeof settingsSchema>

/** @throws naming every setting that is missing or wrong */
export function readSettings(bindings: Bindings): Settings {
  // workerd binds an unset environment variable as null; compose sets one it has nothing for to nothing.
  const set = Object.fromEntries(
    Object.entries(bindings).filter(([, value]) => value !== null && value !== ''),
  )
  const parsed = settingsSchema.safeParse(set)
  if (parsed.success) return parsed.data
  const problems = parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`)
  throw new Error(`bad settings: ${problems.join('; ')}`)
}
