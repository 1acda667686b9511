import { performance } from 'node:perf_hooks'
import type { WriteStream } from 'node:tty'
import type { OnProgress, Progress } from '../hub/progress.ts'

export interface ProgressBar {
  readonly update: OnProgress
  /** Removes the bar, so that what is written next stands alone. */
  clear(): void
}

const REDRAW_MS = 100
/** Between two lines where nothing can be redrawn: log files, containers. */
const LINE_MS = 5000
const BAR_CELLS = 24
const verbs = { pull: 'Pulling', convert: 'Converting' } as const satisfies Record<Progress['stage'], string>

/**
 * Shows how far a pull or a conversion is: a bar on a terminal, a line every few seconds elsewhere.
 * @param now milliseconds of any steady clock
 */
export function createProgressBar(stream: NodeJS.WritableStream, now = () => performance.now()): ProgressBar {
  const terminal = asTerminal(stream)
  let start: { stage: Progress['stage']; atMs: number; bytes: number } | null = null
  let drawnAtMs = Number.NEGATIVE_INFINITY
  return {
    update(progress) {
      const atMs = now()
      if (start?.stage !== progress.stage) {
        start = { stage: progress.stage, atMs, bytes: progress.doneBytes }
        drawnAtMs = Number.NEGATIVE_INFINITY
      }
      const isLast = progress.doneBytes === progress.totalBytes
      if (!isLast && atMs - drawnAtMs < (terminal === null ? LINE_MS : REDRAW_MS)) return
      drawnAtMs = atMs
      const rate = ((progress.doneBytes - start.bytes) / (atMs - start.atMs)) * 1000
      const line = describe(progress, rate, terminal !== null)
      stream.write(terminal === null ? `${line}\n` : `\r\x1b[K${line.slice(0, terminal.columns - 1)}`)
    },
    clear() {
      if (terminal !== null) stream.write('\r\x1b[K')
    },
  }
}

function asTerminal(stream: NodeJS.WritableStream): { readonly columns: number } | null {
  const { isTTY, columns = 80 } = stream as Partial<WriteStream> // what a stream is shows only at run time
  return isTTY === true ? { columns } : null
}

/** `Pulling  [########----------------]  33 %  6.1 of 18.4 GB  52 MB/s  3:56 left` */
function describe({ stage, doneBytes, totalBytes }: Progress, bytesPerSecond: number, withBar: boolean) {
  const share = totalBytes === 0 ? 1 : doneBytes / totalBytes
  const cells = Math.floor(share * BAR_CELLS)
  const parts = [verbs[stage].padEnd(10)]
  if (withBar) parts.push(`[${'#'.repeat(cells)}${'-'.repeat(BAR_CELLS - cells)}]`)
  parts.push(`${String(Math.floor(share * 100)).padStart(3)} %`, `${size(doneBytes)} of ${size(totalBytes)}`)
  if (Number.isFinite(bytesPerSecond) && bytesPerSecond > 0) {
    parts.push(`${size(bytesPerSecond)}/s`)
    if (doneBytes < totalBytes) parts.push(`${clock((totalBytes - doneBytes) / bytesPerSecond)} left`)
  }
  return parts.join('  ')
}

function size(bytes: number) {
  if (bytes >= 1e9) return `${(bytes / 1e9).toFixed(1)} GB`
  if (bytes >= 1e6) return `${(bytes / 1e6).toFixed(1)} MB`
  return `${Math.ceil(bytes / 1e3)} kB`
}

function clock(seconds: number) {
  const whole = Math.ceil(seconds)
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60]
  const tail = `${hours > 0 ? String(minutes).padStart(2, '0') : minutes}:${String(rest).padStart(2, '0')}`
  return hours > 0 ? `${hours}:${tail}` : tail
}
