import { readFile } from 'node:fs/promises'
import { Pool } from 'undici'
import type { Gateway } from './gateways.ts'

const path = '/v1/chat/completions'
const concurrency = 32

export interface LoadResult {
  readonly rps: number
  /** CPU time of the gateway's process, microseconds a request. */
  readonly cpuMicros: number
  readonly errors: number
}

/** Requests a second with 32 at a time, for so long. */
export async function measureRps(gateway: Gateway, body: string, seconds: number): Promise<LoadResult> {
  const pool = new Pool(gateway.url, { connections: concurrency, pipelining: 1 })
  const headers = { 'content-type': 'application/json', ...gateway.headers }
  const cpuBeforeMs = await cpuTimeMs(gateway.pid)
  const startMs = performance.now()
  const endMs = startMs + seconds * 1000
  let answered = 0
  let errors = 0
  async function worker() {
    while (performance.now() < endMs) {
      const { statusCode, body: answer } = await pool.request({ method: 'POST', path, headers, body })
      const text = await answer.text()
      if (statusCode === 200 && text.includes('hello there')) answered += 1
      else errors += 1
    }
  }
  await Promise.all(Array.from({ length: concurrency }, worker))
  const elapsedS = (performance.now() - startMs) / 1000
  const cpuMicros = ((await cpuTimeMs(gateway.pid)) - cpuBeforeMs) * (1000 / answered)
  await pool.close()
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

/** CPU time a process has taken in all its threads, to 10 ms (proc(5): fields 14 and 15 of stat, in hundredths). */
async function cpuTimeMs(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
  // The second field is a name and may hold anything but ends with the last parenthesis.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * 10
}

/** The most memory a process has ever had resident, megabytes. */
export async function peakMemoryMb(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) / 1024
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}
