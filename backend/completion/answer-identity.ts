import { randomUUID } from 'node:crypto'

/** What the head of an answer and of each of its chunks says. */
export interface Identity {
  readonly id: string
  /** Seconds since the epoch. */
  readonly created: number
  readonly model: string
}

export function newIdentity(prefix: string, model: string): Identity {
  return { id: newId(prefix), created: Math.floor(Date.now() / 1000), model }
}

/** `<prefix>` and 20 random hexadecimal digits. */
export function newId(prefix: string): string {
  return `${prefix}${randomUUID().replaceAll('-', '').slice(0, 20)}`
}
