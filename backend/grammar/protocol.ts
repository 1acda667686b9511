import type { Vocabulary } from './vocabulary.ts'

/** What a grammar thread starts with. */
export interface ThreadData {
  readonly vocabulary: Vocabulary
  readonly maxHeapBytes: number
}

/** One piece of work for a grammar thread; it does one at a time. */
export type Work =
  /** Compiles a schema and keeps it under its digest. */
  | { readonly type: 'compile'; readonly digest: string; readonly schema: unknown }
  /** Begins a sequence, with the tokens it has already. */
  | {
      readonly type: 'open'
      readonly sequence: number
      readonly digest: string
      readonly tokens: readonly number[]
    }
  /** Takes a token, if one is given, and answers with the mask for the next. */
  | { readonly type: 'next'; readonly sequence: number; readonly token: number | null }
  | { readonly type: 'close'; readonly sequence: number }
  | { readonly type: 'forget'; readonly digest: string }

export type Result =
  | { readonly type: 'done' }
  | { readonly type: 'mask'; readonly mask: Uint32Array<ArrayBuffer> }
  | { readonly type: 'refused'; readonly message: string }
  /** A bug, or a text that outgrew its grammar: the sequence is lost, the thread goes on. */
  | { readonly type: 'failed'; readonly message: string }
