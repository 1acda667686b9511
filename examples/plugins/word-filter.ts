import type { Plugin } from '../../backend/plugins/plugin.ts'

/** Words are compared by what a reader sees: compatibility forms, case and invisible characters make no difference. */
interface Folded {
  readonly text: string
  /** For each UTF-16 unit of `text`, the grapheme it came from. */
  readonly origins: readonly number[]
  readonly graphemes: readonly string[]
}

const segmenter = new Intl.Segmenter(undefined, { granularity: 'grapheme' })

/** NFKC (full-width and ligatures), full case folding (ß, ς), no format characters (zero-width, soft hyphen). */
function foldGrapheme(grapheme: string): string {
  const upper = grapheme.normalize('NFKC').toUpperCase()
  return [...upper]
    .map((character) => character.toLowerCase())
    .join('')
    .normalize('NFKC')
    .replaceAll(/\p{Cf}/gu, '')
}

function fold(text: string): Folded {
  const graphemes = [...segmenter.segment(text)].map(({ segment }) => segment)
  const folded = graphemes.map(foldGrapheme)
  const origins = folded.flatMap((piece, index) => new Array<number>(piece.length).fill(index))
  return { text: folded.join(''), origins, graphemes }
}

/** Scripts written with spaces have whole words; in Chinese, Japanese and Korean a word may stand anywhere. */
const spacedLetter = /^(?![\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Hangul}])[\p{L}\p{N}\p{M}]$/u

function splitsWord(text: string, at: number): boolean {
  const before = text.slice(0, at).match(/.$/su)?.[0] ?? ''
  const after = String.fromCodePoint(text.codePointAt(at) ?? 0x20)
  return spacedLetter.test(before) && spacedLetter.test(after)
}

/** Graphemes of the text that belong to one of the words. */
function findWords({ text, origins }: Folded, words: readonly string[]): Set<number> {
  const found = new Set<number>()
  for (const word of words) {
    for (let at = text.indexOf(word); at !== -1; at = text.indexOf(word, at + 1)) {
      if (splitsWord(text, at) || splitsWord(text, at + word.length)) continue
      for (const origin of origins.slice(at, at + word.length)) found.add(origin)
    }
  }
  return found
}

/** A filter that puts `*` for every character of the words; it refuses an answer that would call a tool with one. */
export function createWordFilter(words: readonly string[]): Plugin {
  const folded = words.map((word) => fold(word.trim()).text).filter((word) => word !== '')
  const mask = (text: string) => {
    const parts = fold(text)
    const found = findWords(parts, folded)
    return parts.graphemes.map((grapheme, index) => (found.has(index) ? '*' : grapheme)).join('')
  }
  return {
    finishText: ({ content, reasoning, toolCalls }) => {
      if (toolCalls.some((call) => mask(call.arguments) !== call.arguments)) {
        return { refuse: 'the answer holds a word that is not allowed here' }
      }
      return { content: mask(content), reasoning: mask(reasoning) }
    },
  }
}

/** The words, separated by commas. */
export const plugin = createWordFilter((process.env['WORD_FILTER'] ?? '').split(','))
