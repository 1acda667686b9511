import { cloudflareTest } from '@cloudflare/vitest-plugin'
import { defineConfig } from 'vitest/config'
import { createStandInBackend } from './test/support/stand-in-backend.ts'

// Offline, wrangler's metrics and its look-up of Cloudflare's `cf` object would only wait for their time-outs.
process.env['WRANGLER_SEND_METRICS'] ??= 'false'
process.env['CLOUDFLARE_CF_FETCH_ENABLED'] ??= 'false'

/** Test-only values: as random as secrets must be, and secret to nobody. */
const edgeBindings = {
  ADMIN_TOKEN: 'admin-token-for-tests-0123456789abcdef',
  KEY_CHECK_SECRETS: 'key-check-secret-for-tests-0123456789',
  SIGNING_KEYS: 'test:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8',
  SETTLEMENT_KEYS: 'settle:Hx4dHBsaGRgXFhUUExIREA8ODQwLCgkIBwYFBAMCAQA',
  CLIENT_ADDRESS: 'hop',
  HOP_SECRET: 'hop-secret-for-tests-0123456789abcdef',
  BACKENDS: 'binding:BACKEND',
  CORS_ORIGINS: 'https://app.example',
}

// Edge tests set their own clock; the backend believes the signature's, or every test in the future would be refused.
const signedTimeMs = (request: Request) =>
  Number(/time=(\d+)/.exec(request.headers.get('x-glm-signature') ?? '')?.[1]) * 1000
const backend = createStandInBackend(edgeBindings.SIGNING_KEYS, signedTimeMs)

export default defineConfig({
  test: {
    maxWorkers: 2,
    // The edge logs a line a request; only a failing test's are worth reading.
    silent: 'passed-only',
    projects: [
      {
        test: {
          name: 'node',
          include: ['test/**/*.test.ts'],
          exclude: ['test/edge/worker/**'],
          testTimeout: 30_000,
          hookTimeout: 120_000,
        },
      },
      {
        // Runs inside workerd, with the Durable Objects and their storage real.
        plugins: [
          cloudflareTest({
            wrangler: { configPath: './wrangler.toml' },
            miniflare: {
              bindings: edgeBindings,
              serviceBindings: { BACKEND: (request) => backend.fetch(new Request(request.url, request)) },
            },
          }),
        ],
        test: {
          name: 'edge',
          include: ['test/edge/worker/**/*.test.ts'],
          testTimeout: 30_000,
        },
      },
    ],
  },
})
