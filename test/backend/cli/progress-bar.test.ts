import { expect, test } from 'vitest'
import { createProgressBar } from '../../../backend/cli/progress-bar.ts'
import type { Progress } from '../../../backend/hub/progress.ts'
import { Text } from './command-run.ts'

const at = (doneBytes: number, stage: Progress['stage'] = 'pull'): Progress => {
  return { stage, doneBytes, totalBytes: 4e9 }
}

function setUp(columns?: number) {
  const stream = new Text(columns)
  const clock = { ms: 0 }
  return { stream, clock, bar: createProgressBar(stream, () => clock.ms) }
}

test('a terminal shows a bar, what is done, how fast, and how long it takes', () => {
  const { stream, clock, bar } = setUp(100)
  bar.update(at(1e9))
  clock.ms = 10_000
  bar.update(at(2e9))
  expect(stream.text.split('\r\x1b[K').at(-1)).toBe(
    'Pulling     [############------------]   50 %  2.0 GB of 4.0 GB  100.0 MB/s  0:20 left',
  )
})

test('what an earlier run had brought does not count as speed', () => {
  const { stream, clock, bar } = setUp(100)
  bar.update(at(3.9e9))
  clock.ms = 1000
  bar.update(at(3.95e9))
  expect(stream.text).toContain('50.0 MB/s  0:01 left')
})

test('a terminal is redrawn at most ten times a second, and at the end', () => {
  const { stream, clock, bar } = setUp(100)
  for (clock.ms = 0; clock.ms < 1000; clock.ms += 1) bar.update(at(clock.ms))
  bar.update(at(4e9))
  expect(stream.text.split('\r\x1b[K')).toHaveLength(1 + 10 + 1)
})

test('a bar never breaks into the next line of a narrow terminal', () => {
  const { stream, bar } = setUp(40)
  bar.update(at(1e9))
  for (const line of stream.text.split('\r\x1b[K')) expect(line.length).toBeLessThan(40)
})

test('elsewhere there is a line every few seconds, one a stage at least, and no control characters', () => {
  const { stream, clock, bar } = setUp()
  for (clock.ms = 0; clock.ms <= 10_000; clock.ms += 100) bar.update(at(clock.ms * 1e5))
  bar.update(at(4e9))
  bar.update(at(1e9, 'convert'))
  bar.clear()
  const lines = stream.text.trimEnd().split('\n')
  expect(lines.map((line) => line.slice(0, 17))).toEqual([
    'Pulling       0 %',
    'Pulling      12 %',
    'Pulling      25 %',
    'Pulling     100 %',
    'Converting   25 %',
  ])
  expect(stream.text).not.toContain('\r')
})

test('clearing leaves an empty line', () => {
  const { stream, bar } = setUp(100)
  bar.update(at(1e9))
  bar.clear()
  expect(stream.text.endsWith('\r\x1b[K')).toBe(true)
})
