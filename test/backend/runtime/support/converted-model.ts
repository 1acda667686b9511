import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { convertModel } from '../../../../backend/convert/convert-model.ts'
import { startRunner, type WorkerRunner } from '../../../../backend/runtime/worker-runner.ts'

const root = join(import.meta.dirname, '../../../..')

interface SmallModel {
  readonly name: string
  readonly dir: string
  /** What the rotary frequencies were when the reference's answers were recorded. */
  readonly frequencies: 'float32' | 'bfloat16'
  /** Whether there are recorded answers. */
  readonly recorded: boolean
}

/** Models small enough to convert in a test. */
export const models: readonly [SmallModel, SmallModel, SmallModel] = [
  {
    name: 'glm4v-random',
    dir: join(root, 'test/fixtures/glm4v-random'),
    frequencies: 'float32',
    recorded: true,
  },
  {
    name: 'glm-ocr-random',
    dir: join(root, 'test/fixtures/glm-ocr-random'),
    frequencies: 'bfloat16',
    recorded: true,
  },
  { name: 'glm4v-tiny', dir: join(root, 'models/glm4v-tiny'), frequencies: 'float32', recorded: false },
]

/** A folder converted in fp32, to be removed by the test. */
export async function convert(
  { dir, frequencies }: SmallModel,
  device: 'cpu' | 'webgpu' = 'cpu',
): Promise<string> {
  const parent = await mkdtemp(join(tmpdir(), 'glm-runtime-'))
  const outDir = join(parent, 'out')
  await convertModel({ modelDir: dir, outDir, dtype: 'fp32', device })
  const config = JSON.parse(await readFile(join(outDir, 'config.json'), 'utf8'))
  await writeFile(
    join(outDir, 'config.json'),
    JSON.stringify({ ...config, rotary_frequency_dtype: frequencies }),
  )
  return outDir
}

export async function remove(outDir: string): Promise<void> {
  await rm(join(outDir, '..'), { recursive: true })
}

export function start(
  modelDir: string,
  { slots = 4, maxLength = 512, device = 'cpu' } = {},
): Promise<WorkerRunner> {
  const signal = AbortSignal.timeout(60_000)
  return startRunner({ modelDir, slots, maxLength, threads: 1, device, signal })
}
