import { readdir, readFile } from 'node:fs/promises'
import { connect } from 'node:net'
import type { Gateway } from './gateways.ts'
import { HttpMessages } from './http-messages.ts'

const path = '/v1/chat/completions'
const concurrency = 32

export interface LoadResult {
  readonly rps: number
  /** CPU time of the gateway's process, microseconds a request. */
  readonly cpuMicros: number
  readonly errors: number
}

/** Answers are short: all of one is kept. */
const keptBytes = 64 * 1024

/** Requests a second with 32 at a time, for so long. Plain sockets, so that the load leaves the machine to the gateway. */
export async function measureRps(gateway: Gateway, body: string, seconds: number): Promise<LoadResult> {
  const { hostname, port, host } = new URL(gateway.url)
  const headers = {
    ...{ host, 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
    ...gateway.headers,
  }
  const head = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  const request = Buffer.from(`POST ${path} HTTP/1.1\r\n${head.join('')}\r\n${body}`)
  const cpuBeforeUs = await cpuTimeUs(gateway.pid)
  const startMs = performance.now()
  const endMs = startMs + seconds * 1000
  let answered = 0
  let errors = 0
  const client = () =>
    new Promise<void>((resolve, reject) => {
      const socket = connect(Number(port), hostname)
      const send = () => void (performance.now() < endMs ? socket.write(request) : socket.destroy())
      const answers = new HttpMessages(keptBytes, (status, first, last) => {
        const right = first.includes('hello there') || last.includes('hello there')
        if (status.startsWith('HTTP/1.1 200') && right) answered += 1
        else errors += 1
        send()
      })
      socket.setNoDelay(true)
      socket.on('connect', send).on('data', (bytes) => answers.push(bytes))
      socket.on('error', reject).on('close', resolve)
    })
  await Promise.all(Array.from({ length: concurrency }, client))
  const elapsedS = (performance.now() - startMs) / 1000
  const cpuMicros = ((await cpuTimeUs(gateway.pid)) - cpuBeforeUs) / answered
  return { rps: answered / elapsedS, cpuMicros, errors }
}

/** Milliseconds from sending a streaming request to the first byte of its answer, each of `count` in turn. */
export async function measureTtfb(gateway: Gateway, body: string, count: number): Promise<number[]> {
  const times: number[] = []
  for (let i = 0; i < count; i++) times.push((await firstByte(gateway, body)).ms)
  return times
}

/** Milliseconds from a client's leaving a stream to the moment the upstream sees its connection close. */
export async function measureCancel(gateway: Gateway, upstream: Gateway, body: string): Promise<number> {
  const before = await lastCancelled(upstream)
  const { leftMs } = await firstByte(gateway, body)
  const deadlineMs = Date.now() + 5000
  while (Date.now() < deadlineMs) {
    const cancelledMs = await lastCancelled(upstream)
    if (cancelledMs > before) return Math.max(0, cancelledMs - leftMs)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  return Number.POSITIVE_INFINITY
}

async function firstByte(gateway: Gateway, body: string): Promise<{ ms: number; leftMs: number }> {
  const leave = new AbortController()
  const headers = { 'content-type': 'application/json', ...gateway.headers }
  const startMs = performance.now()
  const response = await fetch(`${gateway.url}${path}`, {
    method: 'POST',
    headers,
    body,
    signal: leave.signal,
  })
  const reader = response.body?.getReader()
  const { done } = (await reader?.read()) ?? { done: true }
  const ms = performance.now() - startMs
  if (done || !response.ok) throw new Error(`${gateway.name} did not stream: ${response.status}`)
  const leftMs = Date.now()
  leave.abort()
  return { ms, leftMs }
}

async function lastCancelled({ url }: Gateway): Promise<number> {
  return Number(await (await fetch(`${url}/cancelled`)).text())
}

/** CPU time a process has taken in all its threads that live, microseconds (schedstat's first field, nanoseconds). */
async function cpuTimeUs(pid: number): Promise<number> {
  const threads = await readdir(`/proc/${pid}/task`)
  const stats = await Promise.all(
    threads.map((thread) => readFile(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').catch(() => '0')),
  )
  return stats.reduce((sum, stat) => sum + Number(stat.split(' ', 1)[0]) / 1000, 0)
}

/** Memory of a process, megabytes: the most it has ever had resident, and what of it is now its own, not a file's. */
export async function memoryMb(pid: number): Promise<{ peak: number; own: number }> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  const field = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(status)?.[1]) / 1024
  return { peak: field('VmHWM'), own: field('RssAnon') }
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}
