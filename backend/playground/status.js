/** @import { Language } from './language.js' */
/** @import { Load } from './load-chart.js' */
/** @import { ServerStatus } from './types.ts' */
import { byId } from './element.js'
import { drawLoad } from './load-chart.js'

const INTERVAL_MS = 2_000
const TIMEOUT_MS = 5_000
/** A minute. */
const SAMPLES = 30

/** @typedef {{ state: 'connecting' | 'healthy' | 'loading' | 'draining' | 'unhealthy' | 'offline' | 'locked', status: ServerStatus | null }} Seen */

/** Asks the server how it is while the page is looked at, and shows it. */
export class StatusLine {
  #language
  #options
  /** @type {Seen} */
  #seen = { state: 'connecting', status: null }
  /** @type {readonly Load[]} */
  #samples = []
  #tokensPerSecond = 0
  #lastMs = 0

  /**
   * @param {Language} language
   * @param {{ base: string, key: () => string, onStatus: (status: ServerStatus) => void, onLocked: () => void }} options
   */
  constructor(language, options) {
    this.#language = language
    this.#options = options
    language.onChange(() => this.#show())
  }

  /** Runs as long as the page does. */
  async run() {
    while (true) {
      if (document.visibilityState === 'visible') await this.refresh()
      await new Promise((resolve) => setTimeout(resolve, INTERVAL_MS))
    }
  }

  async refresh() {
    const before = this.#seen
    this.#seen = await this.#look()
    const { state, status } = this.#seen
    if (status !== null) {
      if (before.status !== null) this.#measure(before.status, status)
      this.#lastMs = performance.now()
      this.#options.onStatus(status)
    }
    if (state === 'locked' && before.state !== 'locked') this.#options.onLocked()
    this.#show()
  }

  /** @returns {Promise<Seen>} */
  async #look() {
    const { base, key } = this.#options
    const given = key()
    const headers = given === '' ? {} : { authorization: `Bearer ${given}` }
    try {
      const response = await fetch(`${base}v1/status`, { headers, signal: AbortSignal.timeout(TIMEOUT_MS) })
      if (response.ok) return { state: 'healthy', status: await response.json() }
      if (response.status === 401) return { state: 'locked', status: null }
      const health = await fetch(`${base}health`, { signal: AbortSignal.timeout(TIMEOUT_MS) })
      const { status } = await health.json()
      return { state: status === 'loading' || status === 'draining' ? status : 'unhealthy', status: null }
    } catch {
      return { state: 'offline', status: null }
    }
  }

  /**
   * What happened between two looks: nothing is missed, however short it was.
   * @param {ServerStatus} before
   * @param {ServerStatus} status
   */
  #measure(before, status) {
    const elapsedMs = performance.now() - this.#lastMs
    const { slots, waiting } = status
    const busy = Math.min(1, Math.max(0, (status.busy_ms - before.busy_ms) / elapsedMs))
    const tokens = Math.max(0, status.generated_tokens - before.generated_tokens) // a new server counts anew
    this.#tokensPerSecond = Math.round((tokens / elapsedMs) * 1000)
    this.#samples = [...this.#samples, { busy, waiting, slots }].slice(-SAMPLES)
  }

  #show() {
    const { state } = this.#seen
    const dot = state === 'healthy' || state === 'connecting' ? state : 'trouble'
    byId('status-dot', HTMLElement).dataset['state'] = dot
    byId('status-text', HTMLElement).textContent = this.#text()
    const { busy = 0, waiting = 0 } = this.#samples.at(-1) ?? {}
    const percent = Math.round(busy * 100)
    byId('load-text', SVGElement).textContent = this.#language.t('loadChart', { percent, waiting })
    drawLoad(byId('load-bars', SVGElement), this.#samples, SAMPLES)
  }

  #text() {
    const { state, status } = this.#seen
    const t = this.#language.t.bind(this.#language)
    if (status === null)
      return t(state === 'locked' ? 'keyWanted' : state === 'healthy' ? 'connecting' : state)
    const { model, device, running, waiting, slots } = status
    return [
      model,
      device,
      running === 0 ? t('idle') : t('busy', { running, slots }),
      ...(waiting === 0 ? [] : [t('waitingCount', { n: waiting })]),
      ...(this.#tokensPerSecond === 0 ? [] : [t('tokensPerSecond', { n: this.#tokensPerSecond })]),
    ].join(' · ')
  }
}
