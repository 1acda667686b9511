/** What a key did on one UTC day. */
export interface DayUsage {
  readonly requests: number
  readonly prompt_tokens: number
  readonly completion_tokens: number
  readonly images: number
  readonly image_bytes: number
}

export const noUsage: DayUsage = {
  requests: 0,
  prompt_tokens: 0,
  completion_tokens: 0,
  images: 0,
  image_bytes: 0,
}

export function addUsage(a: DayUsage, b: DayUsage): DayUsage {
  return {
    requests: a.requests + b.requests,
    prompt_tokens: a.prompt_tokens + b.prompt_tokens,
    completion_tokens: a.completion_tokens + b.completion_tokens,
    images: a.images + b.images,
    image_bytes: a.image_bytes + b.image_bytes,
  }
}
