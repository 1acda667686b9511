import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const entry = fileURLToPath(new URL('../../bin/glm.js', import.meta.url))

export interface SpawnedServer {
  readonly url: string
  readonly pid: number
  stop(): Promise<void>
}

/** The real program in a process of its own, so that the load's own work is not measured as the server's. */
export async function spawnServer(flags: readonly string[] = []): Promise<SpawnedServer> {
  const child = spawn(process.execPath, [entry, 'serve', '--port', '0', ...flags], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ready = Promise.withResolvers<string>()
  createInterface({ input: child.stdout }).on('line', (line) => {
    const { message, url } = JSON.parse(line) as { message: string; url?: string }
    if (message === 'Ready' && url !== undefined) ready.resolve(url)
  })
  child.once('exit', (code) => ready.reject(new Error(`the server ended with code ${code}`)))
  const url = await ready.promise
  return {
    url,
    pid: child.pid ?? 0,
    stop: async () => {
      child.kill('SIGTERM')
      if (child.exitCode === null) await once(child, 'exit')
    },
  }
}
