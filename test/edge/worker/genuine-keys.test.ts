import { expect, test } from 'vitest'
import { GenuineKeys } from '../../../edge/keys/genuine-keys.ts'
import { createKeyChecker, formatKey, hashSecret, type ParsedKey } from '../../../edge/keys/key-format.ts'

/** A checker that counts how often it was asked. */
function counting() {
  const checker = createKeyChecker(['a secret of more than 32 characters'])
  let checks = 0
  const isGenuine = (key: ParsedKey) => {
    checks += 1
    return checker.isGenuine(key)
  }
  return { checker: { mint: checker.mint, isGenuine }, count: () => checks }
}

test('a key seen before is not hashed again, and one of another secret is', async () => {
  const { checker, count } = counting()
  const keys = new GenuineKeys(checker)
  const first = await checker.mint('live')
  const rotated = await checker.mint('live', first.id)
  for (const key of [first, first, rotated, first]) {
    const read = await keys.read(`Bearer ${formatKey(key)}`)
    expect(read).toEqual({ id: first.id, secretHash: await hashSecret(key.secret) })
  }
  expect(count()).toBe(2)
})

test('a forged key is refused each time, and no number of them makes a known key be checked anew', async () => {
  const { checker, count } = counting()
  const keys = new GenuineKeys(checker)
  const genuine = await checker.mint('test')
  const other = await createKeyChecker(['another secret of 32 characters.']).mint('test')
  await keys.read(`Bearer ${formatKey(genuine)}`)
  for (let i = 0; i < 1500; i++) {
    const forged = { ...other, id: `guess${String(i).padStart(7, '0')}` }
    expect(await keys.read(`Bearer ${formatKey(forged)}`)).toBeNull()
  }
  await keys.read(`Bearer ${formatKey(genuine)}`)
  expect(count()).toBe(1501)
})
