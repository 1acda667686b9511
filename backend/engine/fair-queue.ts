interface Line<T> {
  readonly items: { readonly item: T; readonly arrival: number }[]
  /** Tokens this caller's requests have cost since it became active. */
  served: number
  /** Requests of this caller that wait or run. */
  active: number
}

/**
 * The waiting line: first come, first served within a caller; between callers, whoever has been served least goes next
 * (Sheng et al., "Fairness in Serving Large Language Models", 2024). A caller that comes back starts level with the
 * least served of those present: being away earns no credit, and its counter is forgotten with its last request.
 */
export class FairQueue<T> {
  readonly #lines = new Map<string, Line<T>>()
  #arrivals = 0
  #length = 0

  get length(): number {
    return this.#length
  }

  /** Callers with a request that waits or runs. */
  get callers(): number {
    return this.#lines.size
  }

  waitingOf(callerId: string): number {
    return this.#lines.get(callerId)?.items.length ?? 0
  }

  push(callerId: string, item: T): void {
    let line = this.#lines.get(callerId)
    if (line === undefined) {
      line = { items: [], served: this.#leastServed(), active: 0 }
      this.#lines.set(callerId, line)
    }
    line.items.push({ item, arrival: ++this.#arrivals })
    line.active++
    this.#length++
  }

  /** The item whose turn it is. */
  peek(): T | null {
    return this.#next()?.items[0]?.item ?? null
  }

  /** Takes out the item whose turn it is. */
  shift(): T | null {
    const first = this.#next()?.items.shift()
    if (first === undefined) return null
    this.#length--
    return first.item
  }

  /** Takes out an item that will not run. False when it does not wait here. */
  remove(callerId: string, item: T): boolean {
    const items = this.#lines.get(callerId)?.items
    const index = items?.findIndex((entry) => entry.item === item) ?? -1
    if (items === undefined || index === -1) return false
    items.splice(index, 1)
    this.#length--
    return true
  }

  charge(callerId: string, tokens: number): void {
    const line = this.#lines.get(callerId)
    if (line !== undefined) line.served += tokens
  }

  /** One request of this caller, waiting or running until now, is over. */
  leave(callerId: string): void {
    const line = this.#lines.get(callerId)
    if (line === undefined) return
    line.active--
    if (line.active === 0) this.#lines.delete(callerId)
  }

  #next(): Line<T> | null {
    let next: Line<T> | null = null
    for (const line of this.#lines.values()) {
      if (line.items.length > 0 && (next === null || comesBefore(line, next))) next = line
    }
    return next
  }

  #leastServed(): number {
    const served = [...this.#lines.values()].map((line) => line.served)
    return served.length === 0 ? 0 : Math.min(...served)
  }
}

function comesBefore(a: Line<unknown>, b: Line<unknown>): boolean {
  if (a.served !== b.served) return a.served < b.served
  return (a.items[0]?.arrival ?? 0) < (b.items[0]?.arrival ?? 0)
}
