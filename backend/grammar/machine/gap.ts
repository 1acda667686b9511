/**
 * White space between two parts of a JSON text: nothing, one space, or one line break and an indent. So a model may
 * pretty-print, but never write white space for ever. A gap is 0 at its start, 1 after a space, else 2 + the indent.
 */
export type Gap = number

export const noGap: Gap = 0

const space = 0x20
const tab = 0x09
const lineFeed = 0x0a

/** Characters of indent a level may take, as the widest common style has it. */
const indentPerLevel = 4

/** The gap with `byte` in it; null: it does not belong there. `inline`: no line break. */
export function widen(gap: Gap, byte: number, depth: number, inline: boolean): Gap | null {
  if (byte === space && gap === noGap) return 1
  if (byte === lineFeed && gap === noGap && !inline) return 2
  const mayIndent = gap >= 2 && gap - 2 < indentPerLevel * depth
  return (byte === space || byte === tab) && mayIndent ? gap + 1 : null
}
