import sharp from 'sharp'
import { expect, onTestFinished, test } from 'vitest'
import type { PreprocessorConfig } from '../../../backend/model/model-config.ts'
import type { Patches } from '../../../backend/model/patches.ts'
import { PatchPool, type PatchPoolOptions } from '../../../backend/vision/patch-pool.ts'
import { type Picture, planPictures, readPicture } from '../../../backend/vision/picture.ts'
import { ApiError } from '../../../shared/errors.ts'
import { damaged, makePictures, randomPixels } from '../../support/make-pictures.ts'
import { Random, testSeed } from '../../support/random.ts'

const seed = testSeed()
const limits = { maxBytes: 10_000_000, maxPixels: 10_000_000 }
const preprocessor: PreprocessorConfig = {
  patchSize: 8,
  temporalPatchSize: 2,
  mergeSize: 2,
  minPixels: 1024,
  maxPixels: 614_400,
  mean: [0.5, 0.5, 0.5],
  std: [0.5, 0.5, 0.5],
}

test(`any number of pictures at once become what each becomes alone (seed ${seed})`, async () => {
  const random = new Random(seed)
  const pictures = (await makePictures(random)).map(({ bytes }) => readPicture(bytes, limits, 'image'))
  const alone: Patches[] = []
  const single = createPool({ threads: 1 })
  for (const picture of pictures) alone.push(await prepare(single, picture))
  const several = createPool({ threads: 3 })
  const together = await Promise.all(pictures.map((picture) => prepare(several, picture)))
  expect(together).toEqual(alone)
})

test('the process reads no other formats once there is a pool', async () => {
  createPool()
  const svg = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"/>')
  await expect(sharp(svg).metadata()).rejects.toThrow('unsupported image format')
})

test('threads that start do not disturb pictures being decoded', async () => {
  const steady = createPool({ threads: 1 })
  const picture = readPicture(await photo(8), limits, 'image')
  let starting = true
  const decoding = (async () => {
    while (starting) await prepare(steady, picture)
  })()
  for (let round = 0; round < 10; round++) {
    const fresh = createPool({ threads: 4 })
    await Promise.all(Array.from({ length: 4 }, () => prepare(fresh, picture)))
    await fresh.close()
  }
  starting = false
  await decoding
})

test('a file inside a larger body is prepared from its own bytes', async () => {
  const bytes = await photo(40)
  const body = Buffer.concat([Buffer.alloc(100, 1), bytes, Buffer.alloc(100, 2)])
  const pool = createPool()
  const inside = readPicture(body.subarray(100, 100 + bytes.length), limits, 'image')
  const whole = readPicture(new Uint8Array(bytes), limits, 'image')
  expect(await prepare(pool, inside)).toEqual(await prepare(pool, whole))
  expect(inside.bytes.length).toBe(bytes.length) // the caller's bytes were not taken away
})

test(`whatever is wrong with a file, it is the caller's mistake (seed ${seed})`, async () => {
  const random = new Random(seed)
  const pool = createPool({ threads: 2 })
  const outcomes = (await makePictures(random)).flatMap(({ name, bytes }) =>
    Array.from({ length: 20 }, async () => {
      try {
        await prepare(pool, readPicture(damaged(bytes, random), limits, 'image'))
      } catch (error) {
        expect(error, name).toBeInstanceOf(ApiError)
        expect(error, name).toMatchObject({ param: 'image' })
        expect((error as ApiError).status, name).toBeLessThan(500) // an ApiError, as checked above
      }
    }),
  )
  await Promise.all(outcomes)
})

test('a cut-off picture is refused without a word of the decoder’s', async () => {
  const bytes = await photo(64)
  const cut = readPicture(bytes.subarray(0, bytes.length / 2), limits, 'image[1]')
  const error: unknown = await prepare(createPool(), cut).catch((reason: unknown) => reason)
  expect(error).toMatchObject({ code: 'invalid_image', param: 'image[1]', cause: expect.stringMatching(/./) })
  expect(JSON.stringify((error as ApiError).body())).not.toMatch(/vips|jpeg/i) // matched as an ApiError above
})

test('more pictures than may wait are refused with a time to come back', async () => {
  const pool = createPool({ threads: 1, maxQueue: 2 })
  const picture = readPicture(await photo(64), limits, 'image')
  const accepted = [prepare(pool, picture), prepare(pool, picture), prepare(pool, picture)]
  await expect(prepare(pool, picture)).rejects.toMatchObject({ code: 'queue_full', retryAfterS: 1 })
  await Promise.all(accepted)
  await prepare(pool, picture)
})

test('leaving frees the place in the queue and ends the wait for running work', async () => {
  const pool = createPool({ threads: 1, maxQueue: 1 })
  const picture = readPicture(await photo(64), limits, 'image')
  const leaving = [new AbortController(), new AbortController()]
  const left = leaving.map(({ signal }) =>
    prepare(pool, picture, signal).catch((reason: Error) => reason.message),
  )
  for (const controller of leaving) controller.abort(new Error('left'))
  const next = prepare(pool, picture)
  expect(await Promise.all(left)).toEqual(['left', 'left'])
  expect((await next).pixels.length).toBeGreaterThan(0)
  await expect(prepare(pool, picture, AbortSignal.abort(new Error('gone')))).rejects.toThrow('gone')
})

test('closing finishes what runs, refuses what waits and what comes', async () => {
  const pool = createPool({ threads: 1 })
  const picture = readPicture(await photo(64), limits, 'image')
  const running = prepare(pool, picture)
  const waiting = prepare(pool, picture).catch((reason: ApiError) => reason.code)
  await pool.close()
  expect((await running).pixels.length).toBeGreaterThan(0)
  expect(await waiting).toBe('draining')
  await expect(prepare(pool, picture)).rejects.toMatchObject({ code: 'draining' })
})

test('a thread that overruns is ended, and a fresh one takes its place', async () => {
  const pool = createPool({ threads: 1, timeoutMs: 1 }) // no thread is even up in that time
  const picture = readPicture(await photo(16), limits, 'image')
  for (let i = 0; i < 5; i++) await expect(prepare(pool, picture)).rejects.toThrow('the patch worker hung')
})

function createPool(options: Partial<PatchPoolOptions> = {}): PatchPool {
  const pool = new PatchPool({
    threads: 1,
    maxQueue: 1000,
    maxPixels: 10_000_000,
    timeoutMs: 20_000,
    ...options,
  })
  onTestFinished(() => pool.close())
  return pool
}

function prepare(pool: PatchPool, picture: Picture, signal = new AbortController().signal): Promise<Patches> {
  const [plan] = planPictures([picture], preprocessor, 4096)
  return plan === undefined ? expect.fail('no plan') : pool.prepare(picture, plan, preprocessor, signal)
}

function photo(side: number): Promise<Buffer> {
  const { data, raw } = randomPixels(side, side, 3, new Random(seed))
  return sharp(data, { raw }).jpeg().toBuffer()
}
