import type { Random } from './random.ts'

/** Fonts that the training never draws with. */
const LATIN = [
  'Cantarell',
  'Go',
  'Go Mono',
  'Gentium Basic',
  'Gentium Book Basic',
  'B612',
  'B612 Mono',
] as const
const HAN = ['HanaMinA', 'LXGW WenKai'] as const

export interface Look {
  readonly fontPx: number
  readonly family: string
  readonly bold: boolean
  readonly background: string
  readonly ink: string
  readonly accent: string
  readonly dark: boolean
}

/** A quarter of the suite's text is under 15 pixels high, a quarter over 24. */
export function pickFontPx(random: Random): number {
  const share = random.next()
  return share < 0.28
    ? random.integer(12, 14)
    : share < 0.68
      ? random.integer(15, 24)
      : random.integer(25, 36)
}

export function pickLook(random: Random, fontPx = pickFontPx(random)): Look {
  const dark = random.chance(0.22)
  const level = (low: number, high: number) => random.integer(low, high)
  const colour = (low: number, high: number) =>
    `rgb(${level(low, high)} ${level(low, high)} ${level(low, high)})`
  return {
    fontPx,
    family: `'${random.pick(LATIN)}', '${random.pick(HAN)}'`,
    bold: random.chance(0.25),
    background: dark ? colour(8, 60) : random.chance(0.4) ? '#fff' : colour(222, 254),
    ink: dark ? colour(195, 255) : colour(0, 80),
    accent: random.pick(
      dark ? ['#ff8a80', '#ffd54f', '#80d8ff', '#a5d6a7'] : ['#b71c1c', '#0d47a1', '#1b5e20', '#6a1b9a'],
    ),
    dark,
  }
}

/** Pixels that a text takes at most in any of the fonts. */
export function widthPx(text: string, fontPx: number): number {
  return [...text].reduce((sum, character) => sum + fontPx * (character > '\u2e80' ? 1.02 : 0.66), 0)
}

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`)
}
