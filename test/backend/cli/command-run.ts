import { Writable } from 'node:stream'
import type { CommandIo } from '../../../backend/cli/command-io.ts'

export interface CommandRun {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs a command as a shell would, its output in strings. */
export async function runCommand(
  command: (args: readonly string[], io: CommandIo) => Promise<number>,
  args: readonly string[],
  env: CommandIo['env'] = {},
): Promise<CommandRun> {
  const [stdout, stderr] = [new Text(), new Text()]
  const code = await command(args, { stdout, stderr, env })
  return { code, stdout: stdout.text, stderr: stderr.text }
}

/** Keeps what is written; a terminal when it has columns. */
export class Text extends Writable {
  readonly isTTY: boolean
  readonly columns: number | undefined
  text = ''

  constructor(columns?: number) {
    super()
    this.columns = columns
    this.isTTY = columns !== undefined
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void) {
    this.text += chunk.toString()
    done()
  }
}
