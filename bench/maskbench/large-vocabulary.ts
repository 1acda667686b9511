import { globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { TokenTable } from './token-table.ts'
import { trainBpe } from './train-bpe.ts'

/** GLM-4.6V-Flash's vocabulary. */
const size = 151_552
/** As many special tokens at the end as GLM's tokenizer adds. */
const specialTokens = 36
const maxTextBytes = 24 * 1024 * 1024
const maxFileBytes = 256 * 1024
const seed = 20_250_101

/**
 * A vocabulary of the real one's size from text at hand, the documentation and sources of the packages installed:
 * byte pair encoding as far as the text carries, then random byte strings. The same for the same packages; kept in
 * `cacheFile`.
 */
export function largeVocabulary(root: string, cacheFile: string): TokenTable {
  const tokens = readCached(cacheFile) ?? makeTokens(root, cacheFile)
  const special = Array.from({ length: specialTokens }, () => null)
  return {
    name: `${size.toLocaleString('en')} tokens`,
    tokenBytes: [...tokens, ...special],
    eosTokens: [size - specialTokens],
  }
}

function makeTokens(root: string, cacheFile: string): Uint8Array[] {
  const tokens = trainBpe(textAtHand(root), size - specialTokens)
  fillUp(tokens, size - specialTokens)
  mkdirSync(dirname(cacheFile), { recursive: true })
  writeFileSync(cacheFile, tokens.map((token) => Buffer.from(token).toString('hex')).join('\n'))
  return tokens
}

function readCached(cacheFile: string): Uint8Array[] | null {
  try {
    return readFileSync(cacheFile, 'utf8')
      .split('\n')
      .map((line) => Uint8Array.from(Buffer.from(line, 'hex')))
  } catch {
    return null // not made yet
  }
}

function textAtHand(root: string): string {
  const files = globSync(['**/*.md', '**/*.d.ts', '**/*.mjs', '**/*.json'], {
    cwd: join(root, 'node_modules'),
  }).sort()
  const parts: string[] = []
  let bytes = 0
  // every nth file, so that no package's text is all there is
  const stride = 7
  for (let start = 0; start < stride; start++) {
    for (let index = start; index < files.length && bytes < maxTextBytes; index += stride) {
      const part = readText(join(root, 'node_modules', files[index] ?? ''))
      bytes += part.length
      parts.push(part)
    }
  }
  return parts.join('\n')
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8').slice(0, maxFileBytes)
  } catch {
    return '' // a directory named like a file
  }
}

function fillUp(tokens: Uint8Array[], wanted: number): void {
  const seen = new Set(tokens.map((token) => Buffer.from(token).toString('hex')))
  const random = mulberry32(seed)
  while (tokens.length < wanted) {
    const token = Uint8Array.from({ length: 2 + Math.floor(random() * 7) }, () => Math.floor(random() * 256))
    const key = Buffer.from(token).toString('hex')
    if (seen.has(key)) continue
    seen.add(key)
    tokens.push(token)
  }
}

function mulberry32(start: number): () => number {
  let state = start
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
