import { z } from 'zod'

export const tokenizerFileName = 'tokenizer.json'

const addedToken = z.object({ id: z.int(), content: z.string().min(1), special: z.boolean().default(false) })

const split = z.object({
  type: z.literal('Split'),
  pattern: z.object({ Regex: z.string() }),
  behavior: z.literal('Isolated'),
  invert: z.literal(false).default(false),
})

const byteLevel = z.object({
  type: z.literal('ByteLevel'),
  add_prefix_space: z.literal(false),
  use_regex: z.literal(false),
})

/**
 * `tokenizer.json` as GLM and its relatives publish it: byte-level BPE behind one splitting pattern. Anything else is
 * refused when the model is loaded, not tokenized wrongly. Vocabulary and merges are checked while they are indexed.
 */
export const tokenizerSchema = z.object({
  added_tokens: z.array(addedToken),
  normalizer: z.object({ type: z.enum(['NFC', 'NFD', 'NFKC', 'NFKD']) }).nullable(),
  pre_tokenizer: z.object({
    type: z.literal('Sequence'),
    pretokenizers: z.tuple([split, byteLevel]),
  }),
  decoder: z.object({ type: z.literal('ByteLevel') }),
  model: z.object({
    type: z.literal('BPE'),
    ignore_merges: z.boolean().default(false),
    vocab: z.custom<Readonly<Record<string, number>>>((value) => typeof value === 'object' && value !== null),
    merges: z.custom<readonly (string | readonly [string, string])[]>((value) => Array.isArray(value)),
  }),
})

export type TokenizerFile = z.infer<typeof tokenizerSchema>
