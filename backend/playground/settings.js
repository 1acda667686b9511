/** @import { Language } from './language.js' */
/** @import { AnswerFormat, Settings } from './types.ts' */
/** @import { StringKey } from './strings.js' */
import { byId } from './element.js'
import { showProblem } from './problem.js'

/** Number fields: the element, the setting, its name to people. */
const numbers = /** @type {const} */ ([
  ['max-tokens', 'maxTokens', 'maxTokens'],
  ['temperature', 'temperature', 'temperature'],
  ['top-p', 'topP', 'topP'],
  ['top-k', 'topK', 'topK'],
  ['repetition-penalty', 'repetitionPenalty', 'repetitionPenalty'],
  ['seed', 'seed', 'seed'],
])

/** The settings' fields. What is wrong is shown beside them, and the field marked. */
export class SettingsForm {
  #language
  #problem = byId('settings-problem', HTMLElement)

  /** @param {Language} language */
  constructor(language) {
    this.#language = language
    const roomy = matchMedia('(width >= 1180px)').matches
    byId('parameter-section', HTMLDetailsElement).open = roomy
    for (const choice of this.#formats()) {
      choice.addEventListener('change', () => {
        byId('schema-field', HTMLElement).hidden = this.#formatType() !== 'json_schema'
      })
    }
  }

  /** @returns {Settings | null} null: something is wrong, and shown. */
  read() {
    showProblem(this.#problem, null)
    const values = /** @type {Record<(typeof numbers)[number][1], number | null>} */ ({})
    for (const [id, setting, name] of numbers) {
      const field = byId(id, HTMLInputElement)
      field.setAttribute('aria-invalid', String(!field.validity.valid))
      if (!field.validity.valid) return this.#refuse('parameter-section', field, name)
      values[setting] = field.value === '' ? null : field.valueAsNumber
    }
    const format = this.#format()
    if (format === null) return null
    const stop = byId('stop-strings', HTMLTextAreaElement)
      .value.split('\n')
      .filter((line) => line !== '')
    const stream = byId('stream', HTMLInputElement).checked
    const thinking = byId('thinking', HTMLInputElement).checked
    return { ...values, stop, stream, thinking, format }
  }

  /**
   * @param {string} section
   * @param {HTMLInputElement} field
   * @param {StringKey} name
   */
  #refuse(section, field, name) {
    const { min, max } = field
    showProblem(this.#problem, this.#language.t('outOfRange', { name: this.#language.t(name), min, max }))
    byId(section, HTMLDetailsElement).open = true
    field.focus()
    return null
  }

  /** @returns {AnswerFormat | null} */
  #format() {
    const type = this.#formatType()
    const field = byId('schema', HTMLTextAreaElement)
    field.setAttribute('aria-invalid', 'false')
    if (type !== 'json_schema') return { type }
    try {
      return { type, schema: JSON.parse(field.value) }
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      field.setAttribute('aria-invalid', 'true')
      showProblem(this.#problem, this.#language.t('schemaInvalid', { reason }))
      byId('format-section', HTMLDetailsElement).open = true
      field.focus()
      return null
    }
  }

  #formatType() {
    const value = this.#formats().find(({ checked }) => checked)?.value
    return value === 'json_object' || value === 'json_schema' ? value : 'text'
  }

  #formats() {
    return [...document.querySelectorAll('input[name="format"]')].filter(
      (node) => node instanceof HTMLInputElement,
    )
  }
}
