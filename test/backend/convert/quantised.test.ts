import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { convertModel } from '../../../backend/convert/convert-model.ts'
import { relativeDifference } from '../../../bench/parity/compare.ts'
import { readExpectedCases } from '../../../bench/parity/expected-case.ts'
import { concat, GraphRunner } from './support/graph-runner.ts'
import { answerLogits, feedOf, teacherForced } from './support/sequence.ts'

// Random weights of a few dozen columns suffer more from quantising than trained ones: these bounds only tell a
// working conversion from a broken one. What a real model loses is printed.
const formats = [
  { dtype: 'fp16', device: 'cpu', bound: 2e-3 },
  { dtype: 'int8', device: 'cpu', bound: 0.06 },
  { dtype: 'int4', device: 'cpu', bound: 0.35 },
  // The graphs made for CUDA, on the CPU: attention in half precision. No CUDA device has run them.
  { dtype: 'fp16', device: 'cuda', bound: 0.02 },
  { dtype: 'int4', device: 'cuda', bound: 0.35 },
] as const
const cases = formats.flatMap((format) =>
  ['glm4v-random', 'glm-ocr-random'].map((name) => ({ name, ...format })),
)

describe.each(cases)('$name in $dtype for $device', ({ name, dtype, device, bound }) => {
  const modelDir = join(import.meta.dirname, '../../fixtures', name)
  const [expected, other] = readExpectedCases(modelDir)
  let dir: string
  let runner: GraphRunner

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'glm-quantised-'))
    await convertModel({ modelDir, outDir: join(dir, 'out'), dtype, device })
    runner = await GraphRunner.open(join(dir, 'out'), 256)
  })
  afterAll(() => rm(dir, { recursive: true }))

  test('features and logits stay near the reference’s', async () => {
    if (!expected?.pixels || !expected.grids[0]) throw new Error('the first case has a picture')
    const features = await runner.encode(expected.pixels, expected.grids[0])
    const logits = await answerLogits(runner, await teacherForced(runner, expected))
    const differences = {
      features: relativeDifference(features, expected.features),
      logits: relativeDifference(logits, expected.stepLogits),
    }
    process.stdout.write(`${name} ${dtype} ${device}: ${JSON.stringify(differences)}\n`)
    expect(differences.features).toBeLessThan(bound)
    expect(differences.logits).toBeLessThan(bound)
  })

  test('a row’s result does not depend on the rows beside it', async () => {
    if (!expected || !other) throw new Error('there are two cases')
    const sequences = [await teacherForced(runner, expected), await teacherForced(runner, other)]
    const prefilled = () =>
      Promise.all(
        sequences.map(async (sequence) => {
          const cache = runner.newCache()
          await runner.step([feedOf(runner, sequence, cache, 0, sequence.promptLength)], [0])
          return feedOf(runner, sequence, cache, sequence.promptLength, sequence.promptLength + 1)
        }),
      )
    const joint = (await runner.step(await prefilled(), [0, 1])).slice()
    const alone: Float32Array[] = []
    for (const feed of await prefilled()) alone.push((await runner.step([feed], [0])).slice())
    expect(relativeDifference(joint, concat(alone))).toBeLessThan(1e-6)
  })
})
