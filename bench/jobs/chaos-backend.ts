import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const entry = fileURLToPath(new URL('../../bin/glm.js', import.meta.url))

/** One real backend process that can be killed and started again; its address changes each time. */
export class ChaosBackend {
  readonly #flags: readonly string[]
  #child: ChildProcess | null = null
  #url: string | null = null
  starts = 0

  constructor(flags: readonly string[]) {
    this.#flags = flags
  }

  /** null while it is down. */
  get url(): string | null {
    return this.#url
  }

  /** Resolves when it answers HTTP; its model may still be loading. */
  async start(): Promise<void> {
    const child = spawn(process.execPath, [entry, 'serve', '--port', '0', ...this.#flags], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    this.#child = child
    this.starts += 1
    const listening = Promise.withResolvers<void>()
    createInterface({ input: child.stdout }).on('line', (line) => {
      const { message, url } = JSON.parse(line) as { message: string; url?: string }
      if (url === undefined || !message.startsWith('Listening')) return
      this.#url = url
      listening.resolve()
    })
    child.once('exit', () => listening.resolve())
    await listening.promise
  }

  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const child = this.#child
    this.#url = null
    this.#child = null
    if (child === null || child.exitCode !== null || child.signalCode !== null) return
    const exited = once(child, 'exit')
    child.kill(signal)
    await exited
  }
}
