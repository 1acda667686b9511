import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import sharp from 'sharp'
import { expect, test } from 'vitest'
import { readPictures, readSuite } from '../../../bench/eval/read-suite.ts'
import { LARGEST_PX, SMALLEST_PX } from '../../../bench/eval/suite/drawing.ts'
import { errors, isWithinAlphabet, lines } from '../../../bench/eval/suite/words.ts'

const folder = fileURLToPath(new URL('../../eval-suite', import.meta.url))
const cases = readSuite(folder)

test('the shipped suite has at least 300 pictures and every task that the card reports', () => {
  expect(cases.length).toBeGreaterThanOrEqual(300)
  const tasks = [
    'amounts',
    'total',
    'text',
    'tag',
    'error',
    'shapes',
    'yes no',
    'not there',
    'item price',
    'items',
    'two pictures',
  ]
  expect(new Set(cases.map(({ task }) => task))).toEqual(new Set(tasks))
})

test('every picture of the suite is between 112 and 672 pixels a side', async () => {
  for (const { image } of cases) {
    for (const name of [image].flat()) {
      const { width, height } = await sharp(join(folder, name)).metadata()
      for (const side of [width, height]) {
        expect(side, name).toBeGreaterThanOrEqual(SMALLEST_PX)
        expect(side, name).toBeLessThanOrEqual(LARGEST_PX)
      }
    }
  }
})

test('what is read from a picture keeps to printable ASCII, ¥ and the 600 characters', () => {
  const read = cases.filter(({ task }) => ['text', 'error', 'tag', 'items'].includes(task))
  expect(read.filter(({ answer }) => !answer.split('\n').every(isWithinAlphabet))).toEqual([])
})

test('no line and no error message of the suite is in the training lists', () => {
  const trained = [
    'sentences.zh',
    'sentences.en',
    'errors.zh',
    'errors.en',
    'labels.zh',
    'labels.en',
  ].flatMap((name) =>
    readFileSync(new URL(`../../../training/data/${name}.txt`, import.meta.url), 'utf8').split('\n'),
  )
  const own = [...lines.zh, ...lines.en, ...errors.zh, ...errors.en]
  expect(own.filter((line) => trained.includes(line))).toEqual([])
})

test('pictures are sent as what their bytes are', () => {
  const jpeg = cases.find(({ image }) => typeof image === 'string' && image.endsWith('.jpg'))
  expect(jpeg && readPictures(folder, jpeg)[0]).toMatch(/^data:image\/jpeg;base64,\/9j\//)
})
