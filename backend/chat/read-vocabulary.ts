import { ModelFolderError } from '../model/model-folder-error.ts'
import { byteCharacter, bytesOfEntry } from './byte-alphabet.ts'
import type { Merge } from './merge-table.ts'
import { splitPattern } from './split-pattern.ts'
import { type TokenizerFile, tokenizerFileName } from './tokenizer-file.ts'

/** No vocabulary is near this: a larger id is a damaged file, not a reason to reserve memory. */
const maxTokenId = 2 ** 22

type Vocab = ReadonlyMap<string, number>

export function readPattern(file: TokenizerFile): RegExp {
  const pattern = splitPattern(file.pre_tokenizer.pretokenizers[0].pattern.Regex)
  if (pattern === null) refuse('pre_tokenizer: has no pattern')
  return pattern
}

/** The token of each single byte: u32 [256]. */
export function readByteTokens(vocab: Vocab): Uint32Array {
  return Uint32Array.from(
    { length: 256 },
    (_, byte) => vocab.get(byteCharacter(byte)) ?? refuse(`model.vocab: byte ${byte} has no token`),
  )
}

/** The merges by rank, without those that involve an added token. */
export function readMerges({ model }: TokenizerFile, vocab: Vocab, addedIds: ReadonlySet<number>): Merge[] {
  const merges = model.merges.map((merge, rank) => {
    const [left = '', right = ''] = typeof merge === 'string' ? merge.split(' ') : merge
    const id = (entry: string) =>
      vocab.get(entry) ?? refuse(`model.merges[${rank}]: ${JSON.stringify(entry)} is not in model.vocab`)
    return { left: id(left), right: id(right), merged: id(left + right) }
  })
  return merges.filter(({ left, right, merged }) => ![left, right, merged].some((id) => addedIds.has(id)))
}

/** The bytes of every token, by id. */
export function readSpellings(vocab: Vocab, added: Vocab): ReadonlyMap<number, ArrayLike<number>> {
  const spellings = new Map<number, ArrayLike<number>>()
  const add = (entry: string, id: number, bytes: ArrayLike<number> | null) => {
    const valid = bytes !== null && Number.isInteger(id) && id >= 0 && id <= maxTokenId
    if (!valid) refuse(`model.vocab: ${JSON.stringify(entry)} is no byte-level token with an id`)
    spellings.set(id, bytes)
  }
  for (const [entry, id] of vocab) add(entry, id, bytesOfEntry(entry))
  for (const [content, id] of added) add(content, id, utf8.encode(content))
  return spellings
}

function refuse(problem: string): never {
  throw new ModelFolderError(tokenizerFileName, problem)
}

const utf8 = new TextEncoder()
