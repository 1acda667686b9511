import { resolve } from 'node:path'
import { z } from 'zod'
import { ConfigError } from '../config.ts'
import { convertModel } from '../convert/convert-model.ts'
import { autoDtype } from '../hub/auto-dtype.ts'
import type { CommandIo } from './command-io.ts'
import { runInterruptible } from './run-interruptible.ts'
import { type Arguments, withArguments } from './with-arguments.ts'

const usage = {
  usage: 'convert --model DIR --out DIR [OPTIONS]',
  options: {
    model: 'folder as the hub has it',
    out: 'folder for the graphs; it appears when it is complete',
    dtype: 'fp32, fp16, int8 or int4 (default int8 on cpu, fp16 on cuda, int4 on webgpu)',
    device: 'cpu, webgpu or cuda: what the graphs will run on (default cpu)',
  },
}

const schema = z.object({
  model: z.string({ error: 'is missing' }).min(1),
  out: z.string({ error: 'is missing' }).min(1),
  dtype: z.enum(['fp32', 'fp16', 'int8', 'int4']).optional(),
  device: z.enum(['cpu', 'webgpu', 'cuda']).default('cpu'),
})

/** Turns a model folder into ONNX graphs and prints their folder. Resolves with the exit code. */
export function convertCommand(args: readonly string[], io: CommandIo): Promise<number> {
  return withArguments(args, io, usage, async (parsed) => {
    const { model: modelDir, out, device, dtype = autoDtype[device] } = check(parsed)
    const outDir = resolve(out)
    return runInterruptible(io, `stopped; nothing is left at ${outDir}`, async ({ signal, onProgress }) => {
      await convertModel({
        modelDir,
        outDir,
        dtype,
        device,
        signal,
        onProgress: ({ done, total }) => onProgress({ stage: 'convert', doneBytes: done, totalBytes: total }),
      })
      return outDir
    })
  })
}

function check({ values, positionals }: Arguments<keyof typeof usage.options>) {
  if (positionals.length > 0)
    throw new ConfigError([`convert takes options only, not ${positionals.join(' ')}`])
  const result = schema.safeParse(values)
  if (result.success) return result.data
  throw new ConfigError(result.error.issues.map(({ path, message }) => `--${path.join('.')}: ${message}`))
}
