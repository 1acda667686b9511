/** @import { Picture } from './types.ts' */

/** Why something did not become a picture. */
/** @typedef {{ type: 'too_many', max: number } | { type: 'too_large', name: string, bytes: number, max: number } | { type: 'unreadable', name: string }} Refusal */

/** The pictures the next question is about, in order. Previews live as long as the page: its history shows them. */
export class Pictures {
  /** @type {readonly Picture[]} */
  #list = []
  #topic = 0
  /** Until the server has told its own limits. */
  #limits = { images: 8, image_bytes: 10 * 1024 * 1024 }
  /** @type {(() => void)[]} */
  #listeners = []

  get list() {
    return this.#list
  }

  /** A new number whenever the pictures change. */
  get topic() {
    return this.#topic
  }

  /** @param {{ images: number, image_bytes: number }} limits */
  setLimits(limits) {
    this.#limits = limits
  }

  /** @param {() => void} listener */
  onChange(listener) {
    this.#listeners.push(listener)
  }

  /** @param {readonly Picture[]} list */
  set(list) {
    this.#list = list
    this.#topic += 1
    for (const listener of this.#listeners) listener()
  }

  /** @param {Picture} picture */
  remove(picture) {
    this.set(this.#list.filter((other) => other !== picture))
  }

  /**
   * @param {string} url
   * @returns {Refusal | null}
   */
  addLink(url) {
    const { images: max } = this.#limits
    if (this.#list.length >= max) return { type: 'too_many', max }
    this.set([...this.#list, { name: url, reference: url, preview: null }])
    return null
  }

  /**
   * Adds what can be added; what is really a picture the server decides, by the bytes.
   * @param {readonly File[]} files
   * @returns {Promise<Refusal | null>} the first file that cannot be added, and why.
   */
  async addFiles(files) {
    /** @type {Refusal | null} */
    let refusal = null
    /** @type {Picture[]} */
    const added = []
    const { images, image_bytes: max } = this.#limits
    for (const file of files) {
      if (this.#list.length + added.length >= images) {
        refusal ??= { type: 'too_many', max: images }
      } else if (file.size > max) {
        refusal ??= { type: 'too_large', name: file.name, bytes: file.size, max }
      } else {
        const picture = await readPicture(file).catch(() => null)
        if (picture === null) refusal ??= { type: 'unreadable', name: file.name }
        else added.push(picture)
      }
    }
    if (added.length > 0) this.set([...this.#list, ...added].slice(0, images))
    return refusal
  }
}

/**
 * @param {File} file
 * @returns {Promise<Picture>}
 */
export function readPicture(file) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader()
    reader.onerror = () => reject(reader.error)
    reader.onload = () => {
      // a file without a type is still a picture for the server, which reads its bytes
      const reference = String(reader.result).replace(
        /^data:(application\/octet-stream)?;/,
        'data:image/png;',
      )
      resolve({ name: file.name, reference, preview: URL.createObjectURL(file) })
    }
    reader.readAsDataURL(file)
  })
}
