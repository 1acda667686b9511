/**
 * What the entries of a KV slot are: tokens, except where a picture stands. Every picture's tokens share one id, so a
 * picture is known by its digest; entries of different callers are never the same, whatever they hold.
 */
export interface Prefix {
  readonly callerId: string
  readonly tokens: readonly number[]
  /** In prompt order. */
  readonly images: readonly PrefixImage[]
}

interface PrefixImage {
  readonly offset: number
  readonly count: number
  readonly digest: string
}

/** How many leading entries of the two are the same. */
export function commonPrefix(a: Prefix, b: Prefix): number {
  if (a.callerId !== b.callerId) return 0
  const shorter = Math.min(a.tokens.length, b.tokens.length)
  let common = 0
  while (common < shorter && a.tokens[common] === b.tokens[common]) common++
  return Math.min(common, firstStranger(a.images, b.images), firstStranger(b.images, a.images))
}

/** Offset of the first picture that does not stand at the same place among `others`. */
function firstStranger(images: readonly PrefixImage[], others: readonly PrefixImage[]): number {
  const stranger = images.find(
    (image) =>
      !others.some(
        (other) =>
          other.offset === image.offset && other.count === image.count && other.digest === image.digest,
      ),
  )
  return stranger?.offset ?? Number.POSITIVE_INFINITY
}
