import { byteCharacter } from './byte-alphabet.ts'
import { MergeTable } from './merge-table.ts'
import { readByteTokens, readMerges, readPattern, readSpellings } from './read-vocabulary.ts'
import { TokenBytes } from './token-bytes.ts'
import { TokenMerger } from './token-merger.ts'
import type { TokenizerFile } from './tokenizer-file.ts'

/**
 * Byte-level BPE. Text in is always ordinary text: an added token's spelling is encoded as the characters it is made
 * of, and no text can make an added token. Stops at a token limit, so a long text costs no more than the longest
 * prompt that fits. (The library's own encoder, whose splitting pattern is used here, cannot stop, and took ten
 * times the time and five times the memory with a vocabulary of 151,329.)
 */
export class Tokenizer {
  readonly #pattern: RegExp
  readonly #normalForm: 'NFC' | 'NFD' | 'NFKC' | 'NFKD' | null
  readonly #merger: TokenMerger
  /** u32 [256]: the token of each single byte. */
  readonly #byteTokens: Uint32Array
  /** Whole pieces that are tokens whatever the merges say; null where the model does not want that. */
  readonly #pieces: ReadonlyMap<string, number> | null
  readonly #added: ReadonlyMap<string, number>
  readonly #addedIds: ReadonlySet<number>
  readonly #bytes: TokenBytes
  #pieceBytes = new Uint8Array(0)
  #pieceTokens = new Uint32Array(0)

  /** @throws ModelFolderError when vocabulary and merges do not fit together */
  constructor(file: TokenizerFile) {
    this.#added = new Map(file.added_tokens.map(({ content, id }) => [content, id]))
    this.#addedIds = new Set(this.#added.values())
    this.#pattern = readPattern(file)
    this.#normalForm = file.normalizer?.type ?? null
    const vocab = new Map(Object.entries(file.model.vocab))
    this.#merger = new TokenMerger(new MergeTable(readMerges(file, vocab, this.#addedIds)))
    // Some files list added tokens among the others too: text must not become them, by piece or by merge.
    for (const [entry, id] of vocab) if (this.#addedIds.has(id)) vocab.delete(entry)
    this.#byteTokens = readByteTokens(vocab)
    this.#pieces = file.model.ignore_merges ? vocab : null
    this.#bytes = new TokenBytes(readSpellings(vocab, this.#added))
  }

  /** Ids below this may be spelled; a model's logits may have more. */
  get vocabSize(): number {
    return this.#bytes.size
  }

  /** Ids of ordinary text. */
  encode(text: string): number[] {
    return this.encodeWithin(text, Number.POSITIVE_INFINITY) ?? []
  }

  /** As `encode`; null, without encoding the rest, once the text is known to need more than `maxTokens`. */
  encodeWithin(text: string, maxTokens: number): number[] | null {
    // No token is longer than the longest, so some texts are too long at a glance.
    if (text.length > maxTokens * this.#bytes.maxLength) return null
    const tokens: number[] = []
    const normal = this.#normalForm === null ? text : text.normalize(this.#normalForm)
    const encodePiece = (piece: string) => {
      for (let at = 0; at < piece.length && tokens.length <= maxTokens; ) {
        const end = pieceEnd(piece, at)
        this.#encodePiece(piece.slice(at, end), tokens)
        at = end
      }
      return tokens.length <= maxTokens
    }
    let from = 0
    for (const match of normal.matchAll(this.#pattern)) {
      if (!encodePiece(normal.slice(from, match.index)) || !encodePiece(match[0])) return null
      from = match.index + match[0].length
    }
    return encodePiece(normal.slice(from)) ? tokens : null
  }

  /** The id of an added token, or null when the model has no such token. */
  addedToken(content: string): number | null {
    return this.#added.get(content) ?? null
  }

  /** Whether the token is markup of the model's own, never text. */
  isAdded(token: number): boolean {
    return this.#addedIds.has(token)
  }

  /** The bytes a token stands for (maybe part of a character): a view, not to be changed. Empty for unknown ids. */
  bytes(token: number): Uint8Array {
    return this.#bytes.get(token)
  }

  #encodePiece(piece: string, into: number[]) {
    if (this.#pieceTokens.length < piece.length * 3) {
      this.#pieceBytes = new Uint8Array(piece.length * 3) // UTF-8 takes at most three bytes a UTF-16 unit
      this.#pieceTokens = new Uint32Array(piece.length * 3)
    }
    const { written } = utf8.encodeInto(piece, this.#pieceBytes)
    const bytes = this.#pieceBytes.subarray(0, written)
    const whole = this.#pieces?.get(bytes.reduce((entry, byte) => entry + byteCharacter(byte), ''))
    if (whole !== undefined) {
      into.push(whole)
      return
    }
    for (let at = 0; at < written; at++) this.#pieceTokens[at] = this.#byteTokens[bytes[at] ?? 0] ?? 0
    const count = this.#merger.merge(this.#pieceTokens, written)
    for (let at = 0; at < count; at++) into.push(this.#pieceTokens[at] ?? 0)
  }
}

const utf8 = new TextEncoder()

/**
 * Longer runs without a break are no language; cutting them bounds the memory a piece can take (7 MB). Their ids may
 * differ from the reference's around the cut.
 */
const maxPieceLength = 65_536

function pieceEnd(piece: string, from: number): number {
  const end = from + maxPieceLength
  if (end >= piece.length) return piece.length
  const splitsPair = (piece.charCodeAt(end - 1) & 0xfc00) === 0xd800
  return splitsPair ? end - 1 : end
}
