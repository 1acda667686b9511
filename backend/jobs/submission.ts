import { ApiError } from '../../shared/errors.ts'

export interface Submission {
  /** The same token within the window is the same submission. */
  readonly token: string
  /** Tells whether it is the same body too. */
  readonly digest: string
  readonly caller: string
  /** Id of the batch; null for a single job. */
  readonly batch: string | null
  /** Its name at the edge, which hears what each of its jobs took; null: nobody is to hear. */
  readonly reservation: string | null
  readonly jobs: readonly NewJob[]
}

export interface NewJob {
  /** JSON of the request. */
  readonly request: string
  readonly webhook: string | null
  /** Prompt and answer together; null: the context alone bounds them. */
  readonly maxTotalTokens: number | null
}

/** Redis could not be asked, so it surely has accepted nothing. */
export class NothingSentError extends Error {
  override readonly name = 'NothingSentError'
}

/** Redis did not answer, and the jobs are the edge's: whether they were accepted will show when they are settled. */
export class FateUnknownError extends ApiError {
  constructor(cause: unknown) {
    super('not_ready', 'the job queue did not answer; what was submitted may run all the same', {
      retryAfterS: 2,
      cause,
    })
  }
}
