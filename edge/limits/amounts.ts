/** What one request takes of a key's limits. */
export interface Demand {
  /** Prompt and completion tokens: an upper bound when reserved, the real count when settled. */
  readonly tokens: number
  readonly imageBytes: number
  /** Width × height × frames, of all pictures. */
  readonly pixels: number
}

/** A demand and how many requests made it. */
export interface Amounts extends Demand {
  readonly requests: number
}

export const dimensions = ['requests', 'tokens', 'imageBytes', 'pixels'] as const
export type Dimension = (typeof dimensions)[number]

export const nothing: Amounts = { requests: 0, tokens: 0, imageBytes: 0, pixels: 0 }

export function add(a: Amounts, b: Amounts): Amounts {
  return combine(a, b, 1)
}

export function subtract(a: Amounts, b: Amounts): Amounts {
  return combine(a, b, -1)
}

function combine(a: Amounts, b: Amounts, sign: 1 | -1): Amounts {
  return {
    requests: a.requests + sign * b.requests,
    tokens: a.tokens + sign * b.tokens,
    imageBytes: a.imageBytes + sign * b.imageBytes,
    pixels: a.pixels + sign * b.pixels,
  }
}

/** Limits of one key; null: none. */
export interface KeyLimits {
  readonly requestsPerMinute: number | null
  readonly tokensPerMinute: number | null
  readonly imageBytesPerMinute: number | null
  readonly pixelsPerMinute: number | null
  readonly concurrentRequests: number | null
  /** Calendar days and months are UTC's. */
  readonly tokensPerDay: number | null
  readonly tokensPerMonth: number | null
}

export function minuteLimit(limits: KeyLimits, dimension: Dimension): number | null {
  return limits[`${dimension}PerMinute`]
}
