import { readFile } from 'node:fs/promises'
import { ApiError } from '../../shared/errors.ts'
import type { ImageInput } from '../completion/completion-request.ts'
import { plainQuestion } from '../completion/plain-question.ts'
import { createLog } from '../log.ts'
import { type Services, startServices } from '../services.ts'
import type { CommandIo } from './command-io.ts'
import { readConfig } from './read-config.ts'

const usage = 'ask --image FILE|URL [--image …] [OPTIONS] PROMPT'

/** Answers one question and prints the text as the model writes it. Greedy: the same question gets the same answer. */
export async function askCommand(args: readonly string[], io: CommandIo): Promise<number> {
  const { images, rest } = takeImages(args)
  const parsed = readConfig(['--log-level', 'warn', '--log-format', 'text', ...rest], io, usage)
  if (typeof parsed === 'number') return parsed
  const prompt = parsed.positionals.join(' ')
  if (images.length === 0 || prompt === '') {
    io.stderr.write(`usage: npm run glm -- ${usage}\n`)
    return 2
  }
  const stop = new AbortController()
  const interrupt = () => stop.abort(new Error('interrupted'))
  process.once('SIGINT', interrupt)
  try {
    const inputs = await Promise.all(images.map(readImage))
    const { config } = parsed
    const log = createLog({ level: config.logLevel, format: config.logFormat })
    const services = await startServices(config, log, stop.signal)
    try {
      await printAnswer(services, inputs, prompt, config.requestTimeout * 1000, stop.signal, io)
    } finally {
      await services.close()
    }
    return 0
  } catch (error) {
    io.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
    return error instanceof ApiError ? 1 : 2
  } finally {
    process.off('SIGINT', interrupt)
  }
}

/** `--image` belongs to this command alone; all other flags are the server's. */
function takeImages(args: readonly string[]): { images: string[]; rest: string[] } {
  const images: string[] = []
  const rest: string[] = []
  for (let i = 0; i < args.length; i += 1) {
    const arg = args[i] ?? ''
    if (arg === '--image') {
      i += 1
      images.push(args[i] ?? '')
    } else if (arg.startsWith('--image=')) images.push(arg.slice('--image='.length))
    else rest.push(arg)
  }
  return { images: images.filter((image) => image !== ''), rest }
}

async function readImage(image: string): Promise<ImageInput> {
  if (/^(https?|data):/i.test(image))
    return { type: 'reference', reference: image, param: image.slice(0, 60) }
  try {
    return { type: 'bytes', bytes: await readFile(image), param: image }
  } catch (cause) {
    throw new Error(`cannot read ${image}: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    })
  }
}

async function printAnswer(
  { completions }: Services,
  images: readonly ImageInput[],
  prompt: string,
  timeoutMs: number,
  signal: AbortSignal,
  io: CommandIo,
) {
  const events = completions.run({
    id: 'ask',
    callerId: 'ask',
    deadlineMs: Date.now() + timeoutMs,
    ...plainQuestion(prompt, images),
    maxNewTokens: null,
    streaming: true,
    promptParam: 'prompt',
    signal,
  })
  for await (const event of events) {
    if (event.type === 'delta') io.stdout.write(event.content)
  }
  io.stdout.write('\n')
}
