import process from 'node:process'
import { HubError } from '../hub/hub-error.ts'
import type { OnProgress } from '../hub/progress.ts'
import { isSystemError } from '../hub/system-error.ts'
import { ModelFolderError } from '../model/model-folder-error.ts'
import type { CommandIo } from './command-io.ts'
import { createProgressBar } from './progress-bar.ts'

/** What a shell reports for a program ended by Ctrl-C. */
const INTERRUPTED = 130

export interface Work {
  readonly signal: AbortSignal
  readonly onProgress: OnProgress
}

/**
 * Runs long work on files with a progress bar, prints its result and returns the exit code. The first Ctrl-C aborts the work, which
 * cleans up after itself; the second ends the process at once. What the operator can mend is told in one line.
 */
export async function runInterruptible(
  io: CommandIo,
  onInterrupt: string,
  work: (work: Work) => Promise<string>,
): Promise<number> {
  const bar = createProgressBar(io.stderr)
  const interrupt = new AbortController()
  const onSignal = () => {
    if (interrupt.signal.aborted) process.exit(INTERRUPTED)
    interrupt.abort()
  }
  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
  try {
    const result = await work({ signal: interrupt.signal, onProgress: bar.update })
    bar.clear()
    io.stdout.write(`${result}\n`)
    return 0
  } catch (error) {
    bar.clear()
    if (interrupt.signal.aborted) {
      io.stderr.write(`${onInterrupt}\n`)
      return INTERRUPTED
    }
    if (!(error instanceof HubError || error instanceof ModelFolderError || isSystemError(error))) throw error
    io.stderr.write(`${error.message}\n`)
    return 1
  } finally {
    process.off('SIGINT', onSignal)
    process.off('SIGTERM', onSignal)
  }
}
