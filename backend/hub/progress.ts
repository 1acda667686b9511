/** How far a long piece of work has come; both counts in bytes of the model's files. */
export interface Progress {
  readonly stage: 'pull' | 'convert'
  readonly doneBytes: number
  readonly totalBytes: number
}

export type OnProgress = (progress: Progress) => void
