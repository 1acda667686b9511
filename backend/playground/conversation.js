/** @import { Language } from './language.js' */
/** @import { TurnActions } from './turn-view.js' */
/** @import { ApiRequest, Exchange, Picture, Turn } from './types.ts' */
import { AskError, ask } from './ask.js'
import { byId, element } from './element.js'
import { TurnView } from './turn-view.js'

/** Everything asked on this page, the newest last; it is kept nowhere else. One question is under way at most. */
export class Conversation {
  #language
  #actions
  /** @type {{ turn: Turn, view: TurnView }[]} */
  #turns = []
  /** @type {AbortController | null} */
  #running = null
  #place = byId('turns', HTMLElement)

  /** Called when a question begins or ends, and when the history is cleared. */
  onChange = () => {}

  /**
   * @param {Language} language
   * @param {TurnActions} actions
   */
  constructor(language, actions) {
    this.#language = language
    this.#actions = actions
    language.onChange(() => this.#render())
  }

  get busy() {
    return this.#running !== null
  }

  get empty() {
    return this.#turns.length === 0
  }

  /**
   * What was answered about the same pictures.
   * @param {number} topic
   * @returns {readonly Exchange[]}
   */
  history(topic) {
    return this.#turns
      .filter(({ turn }) => turn.topic === topic && turn.state === 'done' && turn.content !== '')
      .map(({ turn }) => ({ question: turn.question, answer: turn.content }))
  }

  stop() {
    this.#running?.abort()
  }

  clear() {
    this.stop()
    this.#turns = []
    this.#render()
    this.onChange()
  }

  /**
   * Asks and shows the answer as it comes. Resolves when it is over, however it ended.
   * @param {{ question: string, pictures: readonly Picture[], topic: number, request: ApiRequest }} asked
   * @param {{ base: string, key: string }} target
   * @returns {Promise<Turn>}
   */
  async ask(asked, target) {
    /** @type {Turn} */
    const turn = {
      ...asked,
      state: 'waiting',
      content: '',
      reasoning: '',
      finish: null,
      failure: null,
      firstTextMs: null,
      totalMs: null,
    }
    const place = { number: this.#turns.length + 1, first: this.#turns.at(-1)?.turn.topic !== turn.topic }
    const view = new TurnView(this.#language, this.#actions, turn, place)
    this.#turns.push({ turn, view })
    this.#render()
    view.node.scrollIntoView({ block: 'nearest' })
    const running = new AbortController()
    this.#running = running
    this.onChange()
    try {
      await receive(turn, view, { ...target, signal: running.signal })
      turn.state = 'done'
    } catch (error) {
      turn.state = running.signal.aborted ? 'stopped' : 'failed'
      if (turn.state === 'failed') turn.failure = failureOf(error)
    } finally {
      this.#running = null
      following(view.node, () => view.render())
      this.onChange()
    }
    return turn
  }

  #render() {
    const nodes = this.#turns.flatMap(({ turn, view }, index) => {
      view.render()
      const before = this.#turns[index - 1]
      const changed = before !== undefined && before.turn.topic !== turn.topic
      const divider = element('p', { class: 'divider' }, this.#language.t('picturesChanged'))
      return changed ? [divider, view.node] : [view.node]
    })
    this.#place.replaceChildren(...nodes)
  }
}

/**
 * @param {Turn} turn
 * @param {TurnView} view
 * @param {{ base: string, key: string, signal: AbortSignal }} options
 */
async function receive(turn, view, options) {
  const startMs = performance.now()
  for await (const event of ask(turn.request, options)) {
    if (event.type === 'finish') {
      turn.finish = event
    } else {
      turn.firstTextMs ??= performance.now() - startMs
      turn.state = 'writing'
      turn.content += event.content
      turn.reasoning += event.reasoning
      following(view.node, () => view.grow())
    }
  }
  turn.totalMs = performance.now() - startMs
}

/**
 * Keeps the end of an answer in sight while it grows, unless people have scrolled away from it.
 * @param {HTMLElement} node
 * @param {() => void} change
 */
function following(node, change) {
  const inSight = node.getBoundingClientRect().bottom <= window.innerHeight
  change()
  if (inSight) node.scrollIntoView({ block: 'nearest' })
}

/** @param {unknown} error */
function failureOf(error) {
  if (error instanceof AskError) return error.failure
  const message = error instanceof Error ? error.message : String(error)
  return { status: null, code: 'interrupted', message, param: null, requestId: null, retryAfterS: null }
}
