import { expect, test } from 'vitest'
import { merge } from '../../../backend/completion/merge.ts'
import { EventStream } from '../../../backend/engine/event-stream.ts'
import { Random, testSeed } from '../../support/random.ts'

function streams(count: number) {
  const left: number[] = []
  const sources = Array.from({ length: count }, (_, index) => new EventStream<string>(() => left.push(index)))
  return { sources, left }
}

test('every item comes once, in the order of its source, whatever the order they come in', async () => {
  const seed = testSeed()
  const random = new Random(seed)
  for (let round = 0; round < 50; round += 1) {
    const { sources } = streams(1 + random.below(4))
    const sent = sources.map(() => 0)
    const received: string[] = []
    const reading = (async () => {
      for await (const item of merge(sources)) received.push(item)
    })()
    for (let step = random.below(40); step > 0; step -= 1) {
      const index = random.below(sources.length)
      sources[index]?.push(`${index}:${sent[index]}`)
      sent[index] = (sent[index] ?? 0) + 1
      if (random.chance(0.5)) sources[index]?.wake()
      if (random.chance(0.3)) await Promise.resolve()
    }
    for (const source of sources) {
      source.end()
      source.wake()
    }
    await reading
    for (const [index, count] of sent.entries()) {
      const own = received.filter((item) => item.startsWith(`${index}:`))
      expect(own, `seed ${seed}`).toEqual(Array.from({ length: count }, (_, n) => `${index}:${n}`))
    }
  }
})

test('sources that always have something take turns', async () => {
  const { sources } = streams(3)
  for (const [index, source] of sources.entries()) {
    for (let n = 0; n < 4; n += 1) source.push(String(index))
    source.end()
  }
  const received: string[] = []
  for await (const item of merge(sources)) received.push(item)
  expect(received.slice(0, 6).toSorted()).toEqual(['0', '0', '1', '1', '2', '2'])
})

test('when one source fails so does the merge, and the others are left', async () => {
  const { sources, left } = streams(3)
  sources[0]?.push('a')
  sources[1]?.fail(new Error('broken'))
  const reading = (async () => {
    for await (const _ of merge(sources));
  })()
  await expect(reading).rejects.toThrow('broken')
  expect(left).toEqual(expect.arrayContaining([0, 2]))
})

test('leaving the merge leaves every source', async () => {
  const { sources, left } = streams(2)
  sources[1]?.push('a')
  for await (const _ of merge(sources)) break
  expect(left.toSorted()).toEqual([0, 1])
})
