/** An attempt at a job. Its number is the fence: what an older one writes is refused. */
export interface Attempt {
  readonly id: string
  readonly attempt: number
  /** Attempts that count against the job so far, this one included. */
  readonly tries: number
}

export const attemptKey = ({ id, attempt }: Attempt) => `${id}:${attempt}`

export type Begun =
  | (Attempt & {
      readonly type: 'run' | 'expired'
      readonly caller: string
      /** Prompt and answer together; null: the context alone bounds them. */
      readonly maxTotalTokens: number | null
    })
  | { readonly type: 'over' }

/** What a run has read and written. */
export interface TokensUsed {
  readonly promptTokens: number
  readonly completionTokens: number
}
