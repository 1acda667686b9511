export type HubName = 'huggingface' | 'modelscope'

/** A place models are published at, over HTTP. */
export interface Hub {
  readonly label: string
  /** Address without a trailing slash. */
  readonly url: string
  /** Environment variable that holds a token for this hub. */
  readonly tokenVariable: string
  /** Request headers that carry a token. */
  authorize(token: string): Readonly<Record<string, string>>
  /**
   * The files at the top of a repository, straight from the hub: names are not checked yet.
   * @throws {HubStatusError} when the hub refuses.
   */
  list(repo: string, fetch: typeof globalThis.fetch): Promise<readonly RepoFile[]>
}

export interface RepoFile {
  readonly name: string
  readonly sizeBytes: number
  /** Hex; null where the hub gives none (Hugging Face: small files outside LFS). */
  readonly sha256: string | null
  /** Another one whenever the content is another; a partial download is kept for one version only. */
  readonly version: string
  readonly url: string
}

/** The hub answered, but not with what was asked for. */
export class HubStatusError extends Error {
  override readonly name = 'HubStatusError'
  readonly status: number
  /** How long the hub asked to be left alone; null: it did not say. */
  readonly retryAfterMs: number | null

  constructor(status: number, retryAfterMs: number | null = null) {
    super(`HTTP status ${status}`)
    this.status = status
    this.retryAfterMs = retryAfterMs
  }
}

/** More files than any model has; a listing beyond it is not read. */
export const MAX_LISTED_FILES = 10_000
