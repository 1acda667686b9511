/** Every figure of `npm run bench`; null where it could not be taken. */
export const keys = [
  'decode_share_1',
  'decode_share_1_int4',
  'tokens_8_over_1',
  'ttft_repeat_over_cold',
  'vs_hf_1',
  'vs_hf_static_8',
  'vs_hf_sequential_8',
  'ttft_vs_hf',
  'vs_llamacpp_decode_1',
  'vs_llamacpp_decode_4',
  'vs_llamacpp_decode_8',
  'vs_llamacpp_prefill',
  'outside_ort_share',
  'outside_ort_share_top_p',
  'loop_delay_p99_ms',
  'refusal_p99_ms',
  'overload_goodput',
] as const

export type Key = (typeof keys)[number]

/** Samples of interleaved rounds, by name; a figure is a median or the ratio of two. */
export class Samples {
  readonly #values = new Map<string, number[]>()
  readonly notes: string[] = []

  add(name: string, value: number): void {
    if (!Number.isFinite(value)) return
    this.#values.set(name, [...(this.#values.get(name) ?? []), value])
  }

  median(name: string): number | null {
    const values = this.#values.get(name)?.toSorted((a, b) => a - b)
    return values?.[Math.floor(values.length / 2)] ?? null
  }

  ratio(name: string, over: string): number | null {
    const [a, b] = [this.median(name), this.median(over)]
    return a === null || b === null ? null : a / b
  }

  /** Runs one measurement; what keeps it from being taken is noted instead of ending the others. */
  async try(what: string, measure: () => Promise<void>): Promise<void> {
    try {
      await measure()
    } catch (error) {
      this.notes.push(`${what}: ${error instanceof Error ? error.message : String(error)}`)
    }
  }

  medians(): Record<string, number | null> {
    return Object.fromEntries([...this.#values.keys()].sort().map((name) => [name, this.median(name)]))
  }
}
