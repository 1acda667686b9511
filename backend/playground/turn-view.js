/** @import { Language } from './language.js' */
/** @import { Turn } from './types.ts' */
import { element } from './element.js'
import { failureView } from './failure-view.js'
import { measures } from './measures.js'
import { previewOf } from './preview.js'
import { snippetLanguages } from './snippets.js'

/** @typedef {{ retry(turn: Turn): void, showCode(turn: Turn, language: 'curl' | 'python' | 'node'): void, copy(text: string): void }} TurnActions */

const snippetNames = { curl: 'curl', python: 'Python', node: 'Node' }

/** One question and its answer on the page. While it is written only the text changes, so that selections stay. */
export class TurnView {
  #language
  #actions
  #turn
  #number
  #first
  #text = element('div', { class: 'text' })
  #reasoning = element('div')
  #answer = element('div', { class: 'answer' })
  node = element('article', { class: 'turn' })

  /**
   * @param {Language} language
   * @param {TurnActions} actions
   * @param {Turn} turn
   * @param {{ number: number, first: boolean }} place first: nothing was asked about these pictures before
   */
  constructor(language, actions, turn, { number, first }) {
    this.#language = language
    this.#actions = actions
    this.#turn = turn
    this.#number = number
    this.#first = first
    this.render()
  }

  /** New text came. */
  grow() {
    if (this.#text.isConnected && this.#turn.reasoning === this.#reasoning.textContent) {
      this.#text.append(this.#turn.content.slice(this.#text.textContent.length))
    } else this.render()
  }

  /** Everything anew: at the start, at the end, and in another language. */
  render() {
    const { question, pictures, state } = this.#turn
    const busy = state === 'waiting' || state === 'writing'
    this.#answer.setAttribute('aria-busy', String(busy))
    this.#answer.classList.toggle('failed', state === 'failed')
    this.#answer.replaceChildren(...this.#answerParts())
    this.node.replaceChildren(
      element('h3', { class: 'unseen' }, this.#language.t('youAsked', { n: this.#number })),
      ...(this.#first && pictures.length > 0
        ? [element('div', { class: 'asked-about' }, ...pictures.map(previewOf))]
        : []),
      element('div', { class: 'question' }, question),
      this.#answer,
    )
  }

  #answerParts() {
    const { state, content, reasoning, finish, failure, request } = this.#turn
    const t = this.#language.t.bind(this.#language)
    const parts = []
    this.#reasoning.textContent = reasoning
    if (reasoning !== '') {
      const open = content === ''
      parts.push(
        element(
          'details',
          { class: 'reasoning', open },
          element('summary', {}, t('reasoning')),
          this.#reasoning,
        ),
      )
    }
    const done = state === 'done'
    const json = 'response_format' in request.body
    this.#text.classList.toggle('json', json)
    this.#text.textContent = json && done ? pretty(content) : content
    if (content !== '') parts.push(this.#text)
    const note = this.#note()
    if (note !== null) parts.push(element('p', { class: 'note' }, note))
    if (failure !== null) parts.push(failureView(this.#language, failure))
    if (finish !== null) parts.push(measures(this.#language, this.#turn))
    if (state !== 'waiting' && state !== 'writing') parts.push(this.#actionRow())
    return parts
  }

  #note() {
    const { state, content, finish } = this.#turn
    if (state === 'waiting') return this.#language.t('waiting')
    if (state === 'stopped') return this.#language.t('stopped')
    if (finish?.reason === 'length') return this.#language.t('cut')
    return state === 'done' && content === '' ? this.#language.t('emptyAnswer') : null
  }

  #actionRow() {
    const turn = this.#turn
    const t = this.#language.t.bind(this.#language)
    const button = (
      /** @type {string} */ text,
      /** @type {string} */ kind,
      /** @type {() => void} */ act,
    ) => {
      const node = element('button', { type: 'button', class: kind }, text)
      node.addEventListener('click', act)
      return node
    }
    const first =
      turn.state === 'failed' || turn.content === ''
        ? button(t('retry'), 'first', () => this.#actions.retry(turn))
        : button(t('copyAnswer'), 'first', () => this.#actions.copy(turn.content))
    const codes = snippetLanguages.map((name) =>
      button(snippetNames[name], 'quiet', () => this.#actions.showCode(turn, name)),
    )
    const hint = element('span', { class: 'hint' }, t('copyAs'))
    const group = element('fieldset', { 'aria-label': t('copyAs') }, hint, ...codes)
    return element('div', { class: 'actions' }, first, group)
  }
}

/** @param {string} text */
function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2)
  } catch {
    return text // cut off by its length: shown as it came
  }
}
