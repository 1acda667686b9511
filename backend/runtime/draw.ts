/**
 * A uniform number in [0, 1) that depends on its inputs alone: no state, so the same seed gives the same answer whoever
 * shares the batch, and a step may be repeated.
 * @param seed any integer up to 2^53
 */
export function uniformDraw(seed: number, position: number): number {
  const low = hash(seed, position, 0x9e3779b9)
  const high = hash(seed, position, 0x7f4a7c15)
  // 53 bits: 26 above, 27 below.
  return ((high >>> 6) * 2 ** 27 + (low >>> 5)) / 2 ** 53
}

function hash(seed: number, position: number, lane: number): number {
  const words = [seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0, position]
  return words.reduce((state, word) => mix(Math.imul(state, 5) ^ word), lane)
}

/** MurmurHash3's 32-bit finaliser: every input bit reaches every output bit. */
function mix(word: number): number {
  let mixed = word ^ (word >>> 16)
  mixed = Math.imul(mixed, 0x85ebca6b)
  mixed ^= mixed >>> 13
  mixed = Math.imul(mixed, 0xc2b2ae35)
  return mixed ^ (mixed >>> 16)
}
