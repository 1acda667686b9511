import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Probed } from './probe.ts'

const entry = fileURLToPath(new URL('../../bin/glm.js', import.meta.url))
const probe = new URL('./probe.ts', import.meta.url).href

export interface ProbedServer {
  readonly url: string
  /** The line the server logged when it was ready. */
  readonly ready: Readonly<Record<string, unknown>>
  readonly loadMs: number
  probe(): Promise<Probed>
  residentBytes(): Promise<number>
  stop(): Promise<void>
}

/** The real program in a process of its own, with the probe in its threads. */
export async function startProbed(flags: readonly string[]): Promise<ProbedServer> {
  const startMs = performance.now()
  const child = spawn(process.execPath, ['--import', probe, entry, 'serve', '--port', '0', ...flags], {
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  })
  const ready = Promise.withResolvers<Record<string, unknown>>()
  createInterface({ input: child.stdout ?? process.stdin }).on('line', (text) => {
    const line = JSON.parse(text) as Record<string, unknown>
    if (line['message'] === 'Ready') ready.resolve(line)
  })
  child.once('exit', (code) => ready.reject(new Error(`the server ended with code ${code}`)))
  const line = await ready.promise
  return {
    url: String(line['url']),
    ready: line,
    loadMs: performance.now() - startMs,
    probe: async () => {
      const answer = once(child, 'message')
      child.send('report')
      const [probed] = (await answer) as [Probed]
      return probed
    },
    residentBytes: () => residentBytes(child.pid ?? 0),
    stop: async () => {
      child.kill('SIGTERM')
      if (child.exitCode === null) await once(child, 'exit')
    },
  }
}

async function residentBytes(pid: number): Promise<number> {
  const { readFile } = await import('node:fs/promises')
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? Number.NaN) * 1024
}
