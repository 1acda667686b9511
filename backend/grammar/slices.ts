/**
 * Nested sets of the characters that a JSON string holds as they are: 1 is ASCII letters and digits, 2 adds the
 * space, 3 all others. Most tokens lie within the first two, and so do most patterns: what holds for a slice's
 * characters need not be asked token by token.
 */
export type Slice = 1 | 2 | 3

export const slices: readonly Slice[] = [1, 2, 3]

/** The smallest slice with the character; 0: it needs a backslash. */
export function sliceOf(char: number): Slice | 0 {
  if (char === 0x20) return 2
  const letter = char | 0x20
  if ((char >= 0x30 && char <= 0x39) || (letter >= 0x61 && letter <= 0x7a && char < 0x80)) return 1
  return char < 0x20 || char === 0x22 || char === 0x5c ? 0 : 3
}
