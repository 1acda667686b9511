import type { ScriptRunner } from './script-runner.ts'

/** What a job's reservation at the edge has come to. */
export interface DueSettlement {
  /** `<API key's id>/<reservation>-<line>`. */
  readonly reservation: string
  readonly promptTokens: number
  readonly completionTokens: number
  /** Since the job ended. */
  readonly ageMs: number
  /** Number of this try. */
  readonly tries: number
}

/** Settlements until the edge has them. They outlive their jobs' results, and any backend. */
export class SettlementQueue {
  readonly #scripts: ScriptRunner

  constructor(scripts: ScriptRunner) {
    this.#scripts = scripts
  }

  /** Those due now; due again after `leaseMs` unless ended or postponed. */
  async take(count: number, leaseMs: number): Promise<readonly DueSettlement[]> {
    const due = (await this.#scripts.run('due-settlements', [count, leaseMs])) as [
      string,
      string,
      string,
      number,
      number,
    ][]
    return due.map(([reservation, prompt, completion, ageMs, tries]) => ({
      reservation,
      promptTokens: Number(prompt),
      completionTokens: Number(completion),
      ageMs,
      tries,
    }))
  }

  /** The edge has them, or never will. */
  async end(reservations: readonly string[]): Promise<void> {
    if (reservations.length > 0) await this.#scripts.run('settled', [-1, ...reservations])
  }

  async postpone(reservations: readonly string[], delayMs: number): Promise<void> {
    if (reservations.length > 0) await this.#scripts.run('settled', [delayMs, ...reservations])
  }
}
