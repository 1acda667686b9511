import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

/** A program that answers one JSON line for each it is sent, after a first that says it is ready. */
export class Rival {
  readonly #child: ChildProcess
  readonly #lines: AsyncIterator<string>

  private constructor(child: ChildProcess, lines: AsyncIterator<string>) {
    this.#child = child
    this.#lines = lines
  }

  /** @throws Error when it ends instead of getting ready */
  static async start(command: string, script: string, args: readonly string[]): Promise<Rival> {
    const path = fileURLToPath(new URL(script, import.meta.url))
    const child = spawn(command, [path, ...args], { stdio: ['pipe', 'pipe', 'ignore'] })
    const reader = createInterface({ input: child.stdout ?? process.stdin })
    child.on('error', () => reader.close()) // there is no such program: nothing will ever come
    const rival = new Rival(child, reader[Symbol.asyncIterator]())
    await rival.#read()
    return rival
  }

  async ask<T>(question: Readonly<Record<string, unknown>>): Promise<T> {
    this.#child.stdin?.write(`${JSON.stringify(question)}\n`)
    return (await this.#read()) as T
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null) return
    const exited = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await exited
  }

  /** What the program prints besides its answers is not JSON. */
  async #read(): Promise<unknown> {
    for (;;) {
      const { value, done } = await this.#lines.next()
      if (done === true) throw new Error('the program ended')
      if (value.startsWith('{')) return JSON.parse(value)
    }
  }
}
