import {
  type SettlementRequest,
  settlementAnswer,
  settlementsPath,
  signSettlements,
} from '../../shared/settlement.ts'
import type { SigningKey } from '../../shared/signing.ts'

/** The edge's two writes a key take milliseconds; a far one may take a second. */
const TIMEOUT_MS = 10_000

export interface SettlementSenderOptions {
  /** Origin of the edge. The operator's word: no request can name another. */
  readonly edgeUrl: string
  readonly key: SigningKey
  readonly now: () => number
}

/** Tells the edge what jobs took. */
export class SettlementSender {
  readonly #options: SettlementSenderOptions

  constructor(options: SettlementSenderOptions) {
    this.#options = options
  }

  /**
   * Resolves when the edge has them, with those it does not know yet: they are to be sent again.
   * @throws {Error} it has not answered, or not with 200.
   */
  async send(request: SettlementRequest, stop: AbortSignal): Promise<readonly string[]> {
    const { edgeUrl, key, now } = this.#options
    const body = new Uint8Array(new TextEncoder().encode(JSON.stringify(request)))
    const response = await fetch(new URL(settlementsPath, edgeUrl), {
      method: 'POST',
      headers: await signSettlements(key, body, now()),
      body,
      redirect: 'error',
      signal: AbortSignal.any([stop, AbortSignal.timeout(TIMEOUT_MS)]),
    })
    if (response.status !== 200) {
      await response.body?.cancel()
      throw new Error(`the edge answered ${response.status}`)
    }
    return settlementAnswer.parse(await response.json()).pending
  }
}
