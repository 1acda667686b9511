import { cloudflareTest } from '@cloudflare/vitest-plugin'
import { defineConfig } from 'vitest/config'

// Offline, wrangler's metrics and its look-up of Cloudflare's `cf` object would only wait for their time-outs.
process.env['WRANGLER_SEND_METRICS'] ??= 'false'
process.env['CLOUDFLARE_CF_FETCH_ENABLED'] ??= 'false'

/** Test-only values: as random as secrets must be, and secret to nobody. */
const edgeBindings = {
  ADMIN_TOKEN: 'admin-token-for-tests-0123456789abcdef',
  KEY_CHECK_SECRETS: 'key-check-secret-for-tests-0123456789',
  SIGNING_KEYS: 'test:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8',
  CLIENT_ADDRESS: 'hop',
  HOP_SECRET: 'hop-secret-for-tests-0123456789abcdef',
  BACKENDS: 'binding:BACKEND',
}

export default defineConfig({
  test: {
    maxWorkers: 2,
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
              serviceBindings: { BACKEND: () => new Response('no backend', { status: 503 }) },
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
