/** `GET /v1/usage`, as far as tests read it. */
export interface KeyUsage {
  readonly open_jobs: { readonly count: number; readonly tokens: number }
  readonly limits: readonly { readonly name: string; readonly limit: number; readonly remaining: number }[]
  readonly days: readonly {
    readonly requests: number
    readonly prompt_tokens: number
    readonly completion_tokens: number
    readonly images: number
  }[]
}

/** Tokens the day's quota counts as taken. @throws when the key has none */
export function quotaUsedOf({ limits }: KeyUsage): number {
  const day = limits.find(({ name }) => name === 'tokensPerDay')
  if (day === undefined) throw new Error('the key has no quota')
  return day.limit - day.remaining
}
