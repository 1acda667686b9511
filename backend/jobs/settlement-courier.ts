import { maxSettlements } from '../../shared/settlement.ts'
import type { JobLog } from './job-log.ts'
import { Rounds } from './rounds.ts'
import type { DueSettlement, SettlementQueue } from './settlement-queue.ts'
import type { SettlementSender } from './settlement-sender.ts'

export interface SettlementCourierOptions {
  readonly queue: SettlementQueue
  readonly sender: Pick<SettlementSender, 'send'>
  readonly random: () => number
  readonly log: JobLog
}

/** Longer than a try can take: a sender that dies leaves its settlements to another after this. */
const LEASE_MS = 15_000
const BASE_DELAY_MS = 1000
const MAX_DELAY_MS = 300_000
/** A week without an edge; what was reserved then stands as used. The edge knows a reservation for longer than this. */
const MAX_AGE_MS = 7 * 24 * 3600 * 1000

/** Tells the edge what ended jobs took, from whichever backend comes first, until the edge has it. */
export class SettlementCourier {
  readonly #options: SettlementCourierOptions
  readonly #rounds: Rounds

  constructor(options: SettlementCourierOptions) {
    this.#options = options
    this.#rounds = new Rounds(() => this.#round())
  }

  close(): Promise<void> {
    return this.#rounds.close()
  }

  /** Whether more may be due at once. */
  async #round(): Promise<boolean> {
    const due = await this.#options.queue.take(maxSettlements, LEASE_MS)
    const sent = await Promise.all([...byKey(due)].map(([key, settlements]) => this.#send(key, settlements)))
    return due.length === maxSettlements && sent.every(Boolean)
  }

  /** Whether the edge answered. */
  async #send(key: string, due: readonly DueSettlement[]): Promise<boolean> {
    const { log, queue, sender } = this.#options
    const settlements = due.map((settlement) => ({
      reservation: lineOf(settlement),
      prompt_tokens: settlement.promptTokens,
      completion_tokens: settlement.completionTokens,
    }))
    let pending: ReadonlySet<string>
    try {
      pending = new Set(await sender.send({ key, settlements }, this.#rounds.signal))
    } catch (error) {
      if (this.#rounds.signal.aborted) return false
      const problem = error instanceof Error ? error.message : ''
      log.warn({ key_id: key, settlements: due.length, problem }, 'The edge did not take a settlement')
      for (const settlement of due) await this.#again(settlement)
      return false
    }
    await queue.end(due.filter((one) => !pending.has(lineOf(one))).map(({ reservation }) => reservation))
    for (const settlement of due) if (pending.has(lineOf(settlement))) await this.#again(settlement)
    return true
  }

  async #again({ reservation, tries, ageMs }: DueSettlement): Promise<void> {
    const { log, queue, random } = this.#options
    if (ageMs >= MAX_AGE_MS) {
      log.error({ reservation, tries }, 'A settlement was given up: what was reserved stands as used')
      return queue.end([reservation])
    }
    // Minus up to half at random, so that what failed together does not come back together.
    const delayMs = Math.min(BASE_DELAY_MS * 2 ** (tries - 1), MAX_DELAY_MS) * (1 - random() / 2)
    return queue.postpone([reservation], Math.round(delayMs))
  }
}

function byKey(due: readonly DueSettlement[]): Map<string, DueSettlement[]> {
  return Map.groupBy(due, ({ reservation }) => reservation.slice(0, reservation.indexOf('/')))
}

const lineOf = ({ reservation }: DueSettlement) => reservation.slice(reservation.indexOf('/') + 1)
