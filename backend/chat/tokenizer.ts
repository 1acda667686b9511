import { ModelFolderError } from '../model/model-folder-error.ts'
import { byteCharacter, bytesOfEntry } from './byte-alphabet.ts'
import { type Merge, MergeTable } from './merge-table.ts'
import { mergeTokens } from './merge-tokens.ts'
import { splitPattern } from './split-pattern.ts'
import type { TokenizerFile } from './tokenizer-file.ts'

export const tokenizerFileName = 'tokenizer.json'

/**
 * Byte-level BPE. Text in is always ordinary text: an added token's spelling is encoded as the characters it is made
 * of, and no text can make an added token. Stops at a token limit, so a long text costs no more than the longest
 * prompt that fits. (The library's own encoder, whose splitting pattern is used here, cannot stop, and took eight
 * times the time and five times the memory with a vocabulary of 151,329.)
 */
export class Tokenizer {
  /** Ids below this may be spelled; a model's logits may have more. */
  readonly vocabSize: number
  readonly #pattern: RegExp
  readonly #normalForm: 'NFC' | 'NFD' | 'NFKC' | 'NFKD' | null
  readonly #merges: MergeTable
  /** u32 [256]: the token of each single byte. */
  readonly #byteTokens: Uint32Array
  /** Whole pieces that are tokens whatever the merges say; null where the model does not want that. */
  readonly #pieces: ReadonlyMap<string, number> | null
  readonly #added: ReadonlyMap<string, number>
  readonly #addedContents: AddedContents
  /** All tokens' bytes end to end; token i's run from `#ends[i - 1]` to `#ends[i]`. */
  readonly #bytes: Uint8Array
  readonly #ends: Uint32Array
  readonly #maxTokenBytes: number

  /** @throws ModelFolderError when vocabulary and merges do not fit together. */
  constructor(file: TokenizerFile) {
    this.#added = new Map(file.added_tokens.map(({ content, id }) => [content, id]))
    this.#addedContents = new Map(file.added_tokens.map(({ content, id }) => [id, content]))
    this.#pattern = pattern(file)
    this.#normalForm = file.normalizer?.type ?? null
    const vocab = new Map(Object.entries(file.model.vocab))
    this.#merges = new MergeTable(readMerges(file, vocab, this.#addedContents))
    // Some files list added tokens among the others too: text must not become them, by piece or by merge.
    for (const [entry, id] of vocab) if (this.#addedContents.has(id)) vocab.delete(entry)
    this.#byteTokens = byteTokens(vocab)
    this.#pieces = file.model.ignore_merges ? vocab : null
    const spelled = spellings(vocab, this.#addedContents)
    this.vocabSize = spelled.length
    this.#ends = new Uint32Array(spelled.length)
    let end = 0
    for (const [id, bytes] of spelled.entries()) this.#ends[id] = end += bytes?.length ?? 0
    this.#bytes = new Uint8Array(end)
    for (const [id, bytes] of spelled.entries()) {
      if (bytes !== undefined) this.#bytes.set(bytes, (this.#ends[id] ?? 0) - bytes.length)
    }
    this.#maxTokenBytes = spelled.reduce((max, bytes) => Math.max(max, bytes?.length ?? 0), 1)
  }

  /** Ids of ordinary text. */
  encode(text: string): number[] {
    return this.encodeWithin(text, Number.POSITIVE_INFINITY) ?? []
  }

  /** As `encode`; null, without encoding the rest, once the text is known to need more than `maxTokens`. */
  encodeWithin(text: string, maxTokens: number): number[] | null {
    // No token is longer than the longest, so some texts are too long at a glance.
    if (text.length > maxTokens * this.#maxTokenBytes) return null
    const tokens: number[] = []
    const normal = this.#normalForm === null ? text : text.normalize(this.#normalForm)
    const encodePiece = (piece: string) => {
      if (piece !== '') this.#encodePiece(piece, tokens)
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

  /** Contents of all added tokens. */
  get addedTokens(): Iterable<string> {
    return this.#added.keys()
  }

  /** Whether the token is markup of the model's own, never text. */
  isAdded(token: number): boolean {
    return this.#addedContents.has(token)
  }

  /** The bytes a token stands for (maybe part of a character): a view, not to be changed. Empty for unknown ids. */
  bytes(token: number): Uint8Array {
    if (token < 0 || token >= this.vocabSize) return this.#bytes.subarray(0, 0)
    return this.#bytes.subarray(token === 0 ? 0 : this.#ends[token - 1], this.#ends[token])
  }

  #encodePiece(piece: string, into: number[]) {
    const bytes = textEncoder.encode(piece)
    const whole = this.#pieces?.get(bytes.reduce((entry, byte) => entry + byteCharacter(byte), ''))
    if (whole !== undefined) {
      into.push(whole)
      return
    }
    const tokens = Uint32Array.from(bytes, (byte) => this.#byteTokens[byte] ?? 0)
    const count = mergeTokens(tokens, tokens.length, this.#merges)
    for (let i = 0; i < count; i++) into.push(tokens[i] ?? 0)
  }
}

const textEncoder = new TextEncoder()

/** Added tokens' spellings, by id. */
type AddedContents = ReadonlyMap<number, string>

function pattern(file: TokenizerFile): RegExp {
  const compiled = splitPattern(file.pre_tokenizer.pretokenizers[0].pattern.Regex)
  if (compiled === null) throw new ModelFolderError(tokenizerFileName, 'pre_tokenizer: has no pattern')
  return compiled
}

function byteTokens(vocab: ReadonlyMap<string, number>): Uint32Array {
  return Uint32Array.from({ length: 256 }, (_, byte) => {
    const id = vocab.get(byteCharacter(byte))
    if (id !== undefined) return id
    throw new ModelFolderError(tokenizerFileName, `model.vocab: byte ${byte} has no token`)
  })
}

function readMerges(
  { model }: TokenizerFile,
  vocab: ReadonlyMap<string, number>,
  added: AddedContents,
): Merge[] {
  return model.merges.flatMap((merge, rank) => {
    const [left = '', right = ''] = typeof merge === 'string' ? merge.split(' ') : merge
    const ids = { left: vocab.get(left), right: vocab.get(right), merged: vocab.get(left + right) }
    if (!isMerge(ids)) {
      throw new ModelFolderError(
        tokenizerFileName,
        `model.merges[${rank}]: names a token model.vocab has not`,
      )
    }
    return [ids.left, ids.right, ids.merged].some((id) => added.has(id)) ? [] : [ids]
  })
}

function isMerge(ids: { [name in keyof Merge]: number | undefined }): ids is Merge {
  return ids.left !== undefined && ids.right !== undefined && ids.merged !== undefined
}

function spellings(vocab: ReadonlyMap<string, number>, added: AddedContents) {
  const spelled: (ArrayLike<number> | undefined)[] = []
  for (const [entry, id] of vocab) {
    const bytes = bytesOfEntry(entry)
    if (bytes === null || !Number.isInteger(id) || id < 0) {
      throw new ModelFolderError(tokenizerFileName, `model.vocab: ${JSON.stringify(entry)} is not byte-level`)
    }
    spelled[id] = bytes
  }
  for (const [id, content] of added) spelled[id] = textEncoder.encode(content)
  return Array.from(spelled)
}
