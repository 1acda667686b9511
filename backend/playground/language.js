/** @import { StringKey } from './strings.js' */
import { strings } from './strings.js'

const STORED_AS = 'glm-language'

/** The attributes of the page's HTML that name a string, and what it becomes. */
const targets = /** @type {const} */ ({
  'data-t-label': 'aria-label',
  'data-t-placeholder': 'placeholder',
})

/** The page's language: the one chosen here before, else the first of the browser's that we speak. */
export class Language {
  /** @type {'en' | 'zh'} */
  #code
  /** @type {(() => void)[]} */
  #listeners = []

  constructor() {
    const wanted = [stored(), ...navigator.languages].map((tag) => tag?.slice(0, 2).toLowerCase())
    this.#code = wanted.find((tag) => tag === 'zh' || tag === 'en') === 'zh' ? 'zh' : 'en'
  }

  get code() {
    return this.#code
  }

  /**
   * A string in this language, its `{name}`s filled in.
   * @param {StringKey} key
   * @param {Record<string, string | number>} [values]
   */
  t(key, values = {}) {
    return strings[this.#code][key].replace(/\{(\w+)\}/g, (whole, name) => String(values[name] ?? whole))
  }

  /**
   * Writes the page in this language, now and whenever it changes.
   * @param {() => void} listener
   */
  onChange(listener) {
    this.#listeners.push(listener)
  }

  toggle() {
    this.#code = this.#code === 'zh' ? 'en' : 'zh'
    store(this.#code)
    this.apply()
  }

  /** Fills in every string that the page's HTML names. */
  apply() {
    document.documentElement.lang = this.#code === 'zh' ? 'zh-CN' : 'en'
    for (const node of document.querySelectorAll('[data-t]')) {
      node.textContent = this.t(keyOf(node, 'data-t'))
    }
    for (const [source, target] of Object.entries(targets)) {
      for (const node of document.querySelectorAll(`[${source}]`)) {
        node.setAttribute(target, this.t(keyOf(node, source)))
      }
    }
    for (const listener of this.#listeners) listener()
  }
}

/**
 * @param {Element} node
 * @param {string} attribute
 */
function keyOf(node, attribute) {
  const key = node.getAttribute(attribute) ?? ''
  if (key in strings.en) return /** @type {StringKey} */ (key)
  throw new Error(`there is no string ${key}`)
}

function stored() {
  try {
    return localStorage.getItem(STORED_AS) ?? undefined
  } catch {
    return undefined // storage may be forbidden: the browser's languages decide
  }
}

/** @param {string} code */
function store(code) {
  try {
    localStorage.setItem(STORED_AS, code)
  } catch {
    // storage may be forbidden: the choice then lasts as long as the page
  }
}
