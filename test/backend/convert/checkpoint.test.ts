import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Checkpoint } from '../../../backend/convert/checkpoint/checkpoint.ts'
import { permuteColumns, rowBlocks, stackRows } from '../../../backend/convert/checkpoint/matrix.ts'
import { safetensors } from './support/safetensors-file.ts'

let dir: string
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'glm-checkpoint-'))
})
afterEach(() => rm(dir, { recursive: true }))

const f32 = (shape: number[], values: number[]) => ({
  dtype: 'F32',
  shape,
  bytes: new Uint8Array(Float32Array.from(values).buffer),
})
const sixValues = { a: f32([2, 3], [1, 2, 3, 4, 5, 6]), b: f32([2], [7, 8]) }
const write = (bytes: Uint8Array, file = 'model.safetensors') => writeFile(join(dir, file), bytes)

test('every half-precision and bfloat16 value widens exactly', async () => {
  const bits = Uint16Array.from({ length: 65_536 }, (_, i) => i)
  // NaN and infinity are refused, and tested below.
  const halves = bits.filter((word) => (word & 0x7c00) !== 0x7c00)
  const bfloats = bits.filter((word) => (word & 0x7f80) !== 0x7f80)
  const bytes = (words: Uint16Array) => new Uint8Array(words.slice().buffer)
  await write(
    safetensors({
      half: { dtype: 'F16', shape: [halves.length], bytes: bytes(halves) },
      bfloat: { dtype: 'BF16', shape: [bfloats.length], bytes: bytes(bfloats) },
    }),
  )
  const checkpoint = await Checkpoint.open(dir)
  const half = new Float32Array(halves.length)
  await checkpoint.matrix('half', [halves.length]).read(0, half)
  expect(half).toEqual(Float32Array.from(new Float16Array(halves.slice().buffer)))
  const bfloat = new Float32Array(bfloats.length)
  await checkpoint.matrix('bfloat', [bfloats.length]).read(0, bfloat)
  const upper = Uint32Array.from(bfloats, (word) => word * 65_536)
  expect(bfloat).toEqual(new Float32Array(upper.buffer))
  await checkpoint.close()
})

test('stacked, permuted and blockwise reading give the rows of the whole', async () => {
  const matrix = (name: string, rows: number, columns: number, base: number) => ({
    name,
    rows,
    columns,
    async read(first: number, into: Float32Array) {
      into.forEach((_, i) => {
        into[i] = base + first * columns + i
      })
    },
  })
  const columns = 1500
  const stacked = stackRows('both', [
    matrix('a', 1000, columns, 0),
    matrix('b', 3000, columns, 1000 * columns),
  ])
  let next = 0
  let blocks = 0
  for await (const { first, rows, values } of rowBlocks(stacked)) {
    expect(first * columns).toBe(next)
    expect(values[0]).toBe(next)
    next += rows * columns
    expect(values.at(-1)).toBe(next - 1)
    blocks += 1
  }
  expect([next, blocks]).toEqual([4000 * columns, 2])

  const swapped = permuteColumns(matrix('c', 2, 3, 0), Int32Array.of(2, 0, 1))
  const values = new Float32Array(6)
  await swapped.read(0, values)
  expect([...values]).toEqual([2, 0, 1, 5, 3, 4])
})

describe('a file that cannot be trusted is refused in one line', () => {
  const open = async () => {
    const checkpoint = await Checkpoint.open(dir)
    await checkpoint.close()
  }

  test.each([0, 4, 20, -33, -1])('cut off at %i', async (length) => {
    await write(safetensors(sixValues).subarray(0, length))
    await expect(open()).rejects.toThrow(/^model.safetensors: is truncated/)
  })

  test('a header that is no JSON, no object, too long, or of an unknown dtype', async () => {
    const garbled = safetensors(sixValues)
    garbled[8] = 0x21
    await write(garbled)
    await expect(open()).rejects.toThrow('header that is not valid JSON')
    await write(Buffer.alloc(64, 0xff))
    await expect(open()).rejects.toThrow('is not a safetensors file')
    await write(safetensors({ a: { ...sixValues.a, dtype: 'F3' } }))
    await expect(open()).rejects.toThrow('tensor a: unknown dtype F3')
  })

  test.each<
    [string, string, (header: Parameters<NonNullable<Parameters<typeof safetensors>[1]>>[0]) => void]
  >([
    [
      'overlapping tensors',
      'tensor b: overlaps',
      (header) => Object.assign(header['b'] ?? {}, { data_offsets: [16, 24] }),
    ],
    [
      'a gap',
      'tensor b: unused bytes',
      (header) => Object.assign(header['b'] ?? {}, { data_offsets: [28, 36] }),
    ],
    [
      'a size that is not the shape’s',
      'tensor a: F32 [2, 4] takes 32 bytes, not 24',
      (header) => Object.assign(header['a'] ?? {}, { shape: [2, 4] }),
    ],
    ['bytes after the last tensor', 'has 8 bytes after its last tensor', (header) => delete header['b']],
    [
      'a negative dimension',
      'header: a.shape.0',
      (header) => Object.assign(header['a'] ?? {}, { shape: [-2, -3] }),
    ],
  ])('%s', async (_, problem, damage) => {
    await write(safetensors(sixValues, damage))
    await expect(open()).rejects.toThrow(problem)
  })

  test('a missing tensor, another shape, another dtype, values that are not finite', async () => {
    await write(
      safetensors({
        ...sixValues,
        ids: { dtype: 'I32', shape: [1], bytes: new Uint8Array(4) },
        bad: f32([2], [1, Number.NaN]),
      }),
    )
    const checkpoint = await Checkpoint.open(dir)
    expect(() => checkpoint.matrix('c', [1])).toThrow('model.safetensors: tensor c: is missing')
    expect(() => checkpoint.matrix('a', [3, 2])).toThrow(
      'model.safetensors: tensor a: found shape [2, 3], expected [3, 2]',
    )
    expect(() => checkpoint.matrix('ids', [1])).toThrow('tensor ids: dtype I32, expected BF16, F16 or F32')
    await expect(checkpoint.matrix('bad', [2]).read(0, new Float32Array(2))).rejects.toThrow(
      'tensor bad: holds NaN or infinity',
    )
    expect(() => checkpoint.assertAllUsed((name) => name === 'b')).toThrow('tensor a: does not belong')
    await checkpoint.close()
  })

  test('an index that points outside the folder or a tensor in two shards', async () => {
    const index = (map: Record<string, string>) =>
      writeFile(join(dir, 'model.safetensors.index.json'), JSON.stringify({ weight_map: map }))
    await index({ a: '../secret.safetensors' })
    await expect(open()).rejects.toThrow(
      'model.safetensors.index.json: weight_map.a: not the name of a safetensors file',
    )
    await index({ a: 'one.safetensors', b: 'two.safetensors' })
    await expect(open()).rejects.toThrow('one.safetensors: cannot be opened')
    await write(safetensors(sixValues), 'one.safetensors')
    await write(safetensors(sixValues), 'two.safetensors')
    await expect(open()).rejects.toThrow('two.safetensors: tensor a: is in one.safetensors too')
  })
})
