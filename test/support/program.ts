import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { dataUri, samplePath } from './pictures.ts'
import { testCacheDir } from './start-test-server.ts'

const entry = fileURLToPath(new URL('../../bin/glm.js', import.meta.url))
const children: ChildProcess[] = []

type LogLine = Record<string, unknown> & { readonly message: string }

export interface Program {
  readonly child: ChildProcess
  /** Every log line so far. */
  readonly lines: readonly LogLine[]
  /** Resolves with the first log line of this message, past or to come. */
  line(message: string): Promise<LogLine>
  /** Resolves with the address when the model answers. */
  url(): Promise<string>
}

/** The real program in a process of its own, its log read line by line. */
export function startProgram(
  flags: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Program {
  const args = [entry, 'serve', '--port', '0', '--cache-dir', testCacheDir, ...flags]
  const child = spawn(process.execPath, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  })
  children.push(child)
  const lines: LogLine[] = []
  const waiting: { readonly message: string; resolve(line: LogLine): void }[] = []
  createInterface({ input: child.stdout }).on('line', (text) => {
    const line: LogLine = JSON.parse(text)
    lines.push(line)
    for (const wait of waiting) if (wait.message === line.message) wait.resolve(line)
  })
  const line = (message: string) =>
    new Promise<LogLine>((resolve) => {
      const seen = lines.find((known) => known.message === message)
      if (seen === undefined) waiting.push({ message, resolve })
      else resolve(seen)
    })
  return { child, lines, line, url: async () => String((await line('Ready'))['url']) }
}

/** To be called after every test that started one. */
export function killPrograms(): void {
  for (const child of children.splice(0)) child.kill('SIGKILL')
}

/** One greedy question about a receipt. */
export function askProgram(
  url: string,
  change: Record<string, unknown> = {},
  signal: AbortSignal | null = null,
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> {
  return fetch(`${url}/v1/multimodal/completions`, {
    method: 'POST',
    signal,
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({
      image: dataUri(readFileSync(samplePath('receipt.png'))),
      prompt: '列出所有金额',
      temperature: 0,
      ...change,
    }),
  })
}
