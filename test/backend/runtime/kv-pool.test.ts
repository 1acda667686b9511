import { Tensor } from 'onnxruntime-node'
import { afterEach, expect, test } from 'vitest'
import { KvPool } from '../../../backend/runtime/kv-pool.ts'
import { Random } from '../engine/support/random.ts'

const shape = { layers: 2, kvHeads: 3, headSize: 4, slots: 4, capacity: 500 }
const width = shape.kvHeads * shape.headSize

/** Per layer, the entries a slot should hold: rows of all heads, keys; values are their negatives. */
type Content = number[][][]

function holds(pool: KvPool, slot: number, content: Content): boolean {
  return pool.past(slot, 1).every(({ key, value }, layer) => {
    const [keys, values] = [key.data, value.data] as Float32Array[]
    return (content[layer] ?? []).every((row, entry) =>
      row.every((expected, i) => {
        const head = Math.floor(i / shape.headSize)
        const at = (head * pool.width + entry) * shape.headSize + (i % shape.headSize)
        return keys?.[at] === expected && values?.[at] === -expected
      }),
    )
  })
}

const seed = Number(process.env['HISTORY_SEED'] ?? Date.now() % 2 ** 31)
afterEach(({ task }) => {
  // biome-ignore lint/suspicious/noConsole: the seed is what repeats a failing history
  if (task.result?.state === 'fail') console.error(`HISTORY_SEED=${seed}`)
})

test('a slot holds what was stored in it, however its neighbours grow, are cut short and begin anew', () => {
  const random = new Random(seed)
  const pool = new KvPool(shape)
  const contents: Content[] = Array.from({ length: shape.slots }, () => [[], []])
  const widths = new Set<number>()
  for (let step = 0; step < 300; step++) {
    const slot = random.int(0, shape.slots - 1)
    const held = contents[slot]?.[0]?.length ?? 0
    const start = random.chance(0.3) ? random.int(0, held) : held
    const tokens = Math.min(random.int(1, 120), shape.capacity - start)
    if (tokens === 0) continue
    pool.reserve([{ slot, start, total: start + tokens }])
    for (const [layer, rows] of (contents[slot] ?? []).entries()) {
      const keys = Float32Array.from({ length: tokens * width }, () => random.int(1, 1 << 20))
      const values = keys.map((key) => -key)
      pool.store(layer, slot, start, keys, values)
      rows.splice(start)
      for (let token = 0; token < tokens; token++)
        rows.push([...keys.subarray(token * width, (token + 1) * width)])
    }
    widths.add(pool.width)
    if (step % 10 !== 0) continue
    for (const [index, content] of contents.entries()) expect(holds(pool, index, content)).toBe(true)
  }
  expect(widths.size).toBeGreaterThan(2)
})

test('the view that attention reads is as wide as the longest sequence held, not as the context', () => {
  const pool = new KvPool({ ...shape, capacity: 8192 })
  pool.reserve([{ slot: 0, start: 0, total: 100 }])
  expect(pool.width).toBeLessThan(200)
  pool.reserve([{ slot: 1, start: 0, total: 4000 }])
  expect(pool.width).toBeGreaterThanOrEqual(4000)
  pool.reserve([{ slot: 1, start: 0, total: 100 }])
  expect(pool.width).toBeLessThan(200)
})

test('a wiped slot keeps what comes before the row, and nothing but zeros after it', () => {
  const pool = new KvPool(shape)
  const tokens = 40
  const kept = 15
  for (const slot of [0, 1, 2]) {
    pool.reserve([{ slot, start: 0, total: tokens }])
    const ones = new Float32Array(tokens * width).fill(1)
    for (let layer = 0; layer < shape.layers; layer++) pool.store(layer, slot, 0, ones, ones)
  }
  pool.wipe([{ slot: 1, start: kept }])
  const entries = (slot: number, count: number) => {
    const sums = pool.past(slot, 1).map(({ key, value }) => {
      const all = [...(key.data as Float32Array), ...(value.data as Float32Array)]
      return all.reduce((sum, one) => sum + one, 0)
    })
    expect(sums).toEqual(new Array(shape.layers).fill(2 * count * width))
  }
  entries(0, tokens)
  entries(1, kept)
  entries(2, tokens)
})

test('a step’s outputs are given back as soon as the pool holds them', () => {
  const pool = new KvPool({ ...shape, layers: 1 })
  const output = (first: number) =>
    new Tensor(
      'float32',
      Float32Array.from({ length: width }, (_, i) => first + i),
      [1, 1, width],
    )
  const [newKey, newValue] = pool.outputs
  const results = { [newKey ?? '']: output(1), [newValue ?? '']: output(100) }
  const row = { slot: 2, start: 0, total: 1 }
  pool.reserve([row])
  pool.keep(results, [row], 2)
  const [past] = pool.past(2, 1)
  expect(past?.key.data[0]).toBe(1)
  expect(past?.value.data[0]).toBe(100)
  expect(Object.values(results).map(({ data }) => data.length)).toEqual([0, 0])
})
