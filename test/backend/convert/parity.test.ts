import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { convertModel } from '../../../backend/convert/convert-model.ts'
import { relativeDifference, winners } from '../../../bench/parity/compare.ts'
import { readExpectedCases } from '../../../bench/parity/expected-case.ts'
import { concat, GraphRunner } from './support/graph-runner.ts'
import { answerLogits, feedOf, teacherForced } from './support/sequence.ts'

const featureTolerance = 1e-5
const logitTolerance = 1e-5
const sameTolerance = 1e-4
/** Below this share of the range two tokens are as good as equal. */
const clearMargin = 5e-3

// The second was recorded by a module cast to bfloat16 as a whole, which rounds the rotary frequencies as well.
const fixtures = [
  { name: 'glm4v-random', frequencies: 'float32' },
  { name: 'glm-ocr-random', frequencies: 'bfloat16' },
]

describe.each(fixtures)('$name in fp32', ({ name, frequencies }) => {
  const modelDir = join(import.meta.dirname, '../../fixtures', name)
  const cases = readExpectedCases(modelDir)
  let dir: string
  let runner: GraphRunner

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'glm-parity-'))
    await convertModel({ modelDir, outDir: join(dir, 'out'), dtype: 'fp32', device: 'cpu' })
    const configPath = join(dir, 'out/config.json')
    const config = JSON.parse(await readFile(configPath, 'utf8'))
    await writeFile(configPath, JSON.stringify({ ...config, rotary_frequency_dtype: frequencies }))
    runner = await GraphRunner.open(join(dir, 'out'), 512)
  })
  afterAll(() => rm(dir, { recursive: true }))

  const recorded = cases.flatMap(({ pixels, ...rest }) => (pixels === null ? [] : [{ ...rest, pixels }]))
  test.each(recorded)(
    'image features of $name equal the reference’s',
    async ({ grids, pixels, features }) => {
      const patches = grids.reduce((sum, { height, width }) => sum + height * width, 0)
      const width = pixels.length / patches
      const encoded: Float32Array[] = []
      let first = 0
      for (const grid of grids) {
        const next = first + grid.height * grid.width
        encoded.push(await runner.encode(pixels.subarray(first * width, next * width), grid))
        first = next
      }
      expect(relativeDifference(concat(encoded), features)).toBeLessThan(featureTolerance)
    },
  )

  test.each(cases)('logits and greedy tokens of $name equal the reference’s', async (expected) => {
    const logits = await answerLogits(runner, await teacherForced(runner, expected))
    expect(relativeDifference(logits, expected.stepLogits)).toBeLessThan(logitTolerance)
    const { vocabSize } = runner.config.text
    const reference = winners(expected.stepLogits, vocabSize)
    winners(logits, vocabSize).forEach(({ token }, i) => {
      if ((reference[i]?.margin ?? 0) > clearMargin) expect(token).toBe(reference[i]?.token)
    })
  })

  test('a prompt in chunks gives the logits of the whole prompt', async () => {
    for (const expected of cases) {
      const sequence = await teacherForced(runner, expected)
      const whole = await answerLogits(runner, sequence)
      const cache = runner.newCache()
      let logits = new Float32Array()
      for (let from = 0; from < sequence.promptLength; from += 17) {
        const to = Math.min(from + 17, sequence.promptLength)
        logits = new Float32Array(
          await runner.step([feedOf(runner, sequence, cache, from, to)], [to - from - 1]),
        )
      }
      expect(relativeDifference(logits, whole.subarray(0, logits.length))).toBeLessThan(sameTolerance)
    }
  })

  test('sequences of different length decode together as they do alone', async () => {
    const sequences = await Promise.all(cases.map((expected) => teacherForced(runner, expected)))
    const alone = await Promise.all(sequences.map((sequence) => answerLogits(runner, sequence)))
    const rows = []
    for (const sequence of sequences) {
      const cache = runner.newCache()
      await runner.step([feedOf(runner, sequence, cache, 0, sequence.promptLength)], [0])
      rows.push({ sequence, cache })
    }
    const { vocabSize } = runner.config.text
    for (let i = 0; i < 8; i += 1) {
      const feeds = rows.map(({ sequence, cache }) => {
        const at = sequence.promptLength + i
        return feedOf(runner, sequence, cache, at, at + 1)
      })
      const joint = await runner.step(
        feeds,
        rows.map((_, row) => row),
      )
      const single = alone.map((logits) => logits.subarray((i + 1) * vocabSize, (i + 2) * vocabSize))
      expect(relativeDifference(joint, concat(single))).toBeLessThan(sameTolerance)
    }
  })
})
