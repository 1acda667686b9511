import { mkdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseConfig } from '../../backend/config.ts'
import { createLog } from '../../backend/log.ts'
import { type RunningServer, startServer } from '../../backend/start-server.ts'

/** Conversions are kept between runs, keyed by content and converter version like any other. */
export const testCacheDir = fileURLToPath(new URL('../../.cache/test-models', import.meta.url))

/** Starts the real server on a free loopback port, with the given flags; its log goes nowhere unless `lines` collects it. */
export async function startTestServer(
  flags: readonly string[] = [],
  lines?: string[],
): Promise<RunningServer> {
  mkdirSync(testCacheDir, { recursive: true })
  const { config } = parseConfig(['--port', '0', '--cache-dir', testCacheDir, ...flags], {})
  const log = createLog({
    level: lines === undefined ? 'silent' : 'info',
    format: 'json',
    destination: { write: (line) => lines?.push(line) },
  })
  return startServer(config, log, new AbortController().signal)
}
