import { expect, test } from 'vitest'
import { KeyClient, type RequestScope } from '../../../edge/keys/key-client.ts'
import type { KeyAnswer, KeyOperation } from '../../../edge/keys/operations.ts'
import { Random, testSeed } from '../../support/random.ts'

/** A key's object that says which lease it was asked of, whenever the test lets it answer. */
class StandInObject {
  readonly calls: (readonly KeyOperation[])[] = []
  mostAtOnce = 0
  #under = 0
  readonly #answer: (call: number) => Promise<void>

  constructor(answer: (call: number) => Promise<void>) {
    this.#answer = answer
  }

  get scope(): RequestScope {
    return {
      send: async (_, operations) => {
        this.calls.push(operations)
        this.mostAtOnce = Math.max(this.mostAtOnce, ++this.#under)
        try {
          await this.#answer(this.calls.length)
          return operations.map(
            (operation): KeyAnswer => ({ type: 'granted', tenant: idOf(operation), atMs: 0, reports: [] }),
          )
        } finally {
          this.#under -= 1
        }
      },
      waitUntil: (promise) => void promise,
    }
  }
}

const ask = (id: string): KeyOperation => ({
  type: 'extend',
  leaseId: id,
  extra: { tokens: 0, imageBytes: 0, pixels: 0 },
})
const idOf = (operation: KeyOperation) => (operation.type === 'extend' ? operation.leaseId : '')

test('what is told travels with the question that comes next', async () => {
  const { promise, resolve } = Promise.withResolvers<void>()
  const object = new StandInObject((call) => (call === 1 ? promise : Promise.resolve()))
  const client = new KeyClient()
  const first = client.ask('key', ask('first'), object.scope)
  client.tell('key', ask('told'), object.scope)
  const second = client.ask('key', ask('second'), object.scope)
  resolve()
  await Promise.all([first, second])
  expect(object.calls.map((operations) => operations.map(idOf))).toEqual([['first'], ['told', 'second']])
})

test('what is told is told again when the call fails, by whoever made the call', async () => {
  const object = new StandInObject(async (call) => {
    if (call < 3) throw new Error('the object was reset')
  })
  const client = new KeyClient()
  client.tell('key', ask('told'), object.scope)
  await expect.poll(() => object.calls.length, { timeout: 5000 }).toBe(3)
  expect(object.calls.every(([operation]) => operation && idOf(operation) === 'told')).toBe(true)
})

test('a failed call refuses all who asked in it for now, and nobody else', async () => {
  const object = new StandInObject(async (call) => {
    if (call === 1) throw new Error('the object was reset')
  })
  const client = new KeyClient()
  const [first, second] = ['first', 'second'].map((id) => client.ask('key', ask(id), object.scope))
  await expect(first).rejects.toMatchObject({ code: 'not_ready', status: 503 })
  await expect(second).resolves.toMatchObject({ tenant: 'second' })
})

for (const seed of [testSeed(), 1]) {
  test(`in any history everyone gets their own answer, and nothing is said twice: seed ${seed}`, async () => {
    const random = new Random(seed)
    const turns = async (most: number) => {
      for (let left = random.below(most); left > 0; left--) await null
    }
    const object = new StandInObject(() => turns(20))
    const client = new KeyClient()
    const said: string[] = []
    const answers: Promise<KeyAnswer>[] = []
    for (let n = 0; n < 500; n++) {
      const id = `op-${n}`
      said.push(id)
      if (random.chance(0.5)) client.tell('key', ask(id), object.scope)
      else answers.push(client.ask('key', ask(id), object.scope).then((answer) => checked(answer, id)))
      await turns(6)
    }
    await Promise.all(answers)
    await expect.poll(() => object.calls.flat().length).toBe(said.length)
    expect(object.calls.flat().map(idOf)).toEqual(said)
    expect(object.calls.length).toBeLessThan(said.length)
    expect(object.mostAtOnce).toBeLessThanOrEqual(2)
  })
}

function checked(answer: KeyAnswer, id: string): KeyAnswer {
  expect(answer).toMatchObject({ tenant: id })
  return answer
}
