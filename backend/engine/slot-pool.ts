import { strict as assert } from 'node:assert'
import { commonPrefix, type Prefix } from './prefix.ts'

/**
 * A shorter common prefix does not choose the slot: the template's opening tokens are common to all prompts, and
 * following them would overwrite somebody's long conversation to save a few milliseconds.
 */
const prefixWorthFollowing = 16

interface Slot {
  used: boolean
  /** What a free slot still holds from its last sequence. */
  memory: Prefix | null
  releasedAt: number
}

/**
 * Hands out KV slots. First choice is the free slot that remembers most of the prompt; else the one that keeps the
 * used slots closest together, because a joint decode step runs over the contiguous view from the lowest to the
 * highest; among equals the one released longest ago, so that memories last. Invariant: a slot has one user or none.
 */
export class SlotPool {
  readonly #slots: Slot[]
  #releases = 0

  constructor(slots: number) {
    this.#slots = Array.from({ length: slots }, () => ({ used: false, memory: null, releasedAt: 0 }))
  }

  get free(): number {
    return this.#slots.filter((slot) => !slot.used).length
  }

  /** The slot now taken and how many of its entries already are the prompt's; null when all are in use. */
  acquire(prompt: Prefix): { slot: number; common: number } | null {
    let chosen: { index: number; common: number; span: number; releasedAt: number } | null = null
    for (const [index, { used, memory, releasedAt }] of this.#slots.entries()) {
      if (used) continue
      const common = memory === null ? 0 : commonPrefix(memory, prompt)
      const candidate = { index, common, span: this.#spanWith(index), releasedAt }
      if (chosen === null || isBetter(candidate, chosen)) chosen = candidate
    }
    const slot = chosen === null ? undefined : this.#slots[chosen.index]
    if (chosen === null || slot === undefined) return null
    slot.used = true
    slot.memory = null
    return { slot: chosen.index, common: chosen.common }
  }

  /** @param memory the entries the slot really holds, null when they are not to be used again */
  release(index: number, memory: Prefix | null): void {
    const slot = this.#slots[index]
    assert(slot?.used, 'only a used slot is released')
    slot.used = false
    slot.memory = memory
    slot.releasedAt = ++this.#releases
  }

  #spanWith(index: number): number {
    const first = this.#slots.findIndex((slot) => slot.used)
    const last = this.#slots.findLastIndex((slot) => slot.used)
    return first === -1 ? 1 : Math.max(last, index) - Math.min(first, index) + 1
  }
}

interface Candidate {
  readonly common: number
  readonly span: number
  readonly releasedAt: number
}

function isBetter(a: Candidate, b: Candidate): boolean {
  const saved = worthOf(a.common) - worthOf(b.common)
  if (saved !== 0) return saved > 0
  return a.span !== b.span ? a.span < b.span : a.releasedAt < b.releasedAt
}

function worthOf(common: number): number {
  return common < prefixWorthFollowing ? 0 : common
}
