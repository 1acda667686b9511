/** @import { Language } from './language.js' */
import { byId } from './element.js'

const TOAST_MS = 2_500

/**
 * Copies text and says so. Over plain HTTP from another machine browsers have no clipboard API: the older way serves.
 * @param {Language} language
 * @returns {(text: string) => Promise<void>}
 */
export function createCopy(language) {
  const toast = byId('toast', HTMLElement)
  let timer = 0
  return async (text) => {
    const copied = await write(text)
    const open = document.querySelector('dialog[open]')
    ;(open ?? document.body).append(toast) // a modal dialog covers everything outside it
    toast.textContent = language.t(copied ? 'copied' : 'copyFailed')
    clearTimeout(timer)
    timer = setTimeout(() => toast.replaceChildren(), TOAST_MS)
  }
}

/** @param {string} text */
async function write(text) {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    return copySelection(text)
  }
}

/** @param {string} text */
function copySelection(text) {
  const focused = document.activeElement
  const area = document.createElement('textarea')
  area.className = 'unseen'
  area.value = text
  const parent = document.querySelector('dialog[open]') ?? document.body
  parent.append(area)
  area.select()
  const copied = document.execCommand('copy')
  area.remove()
  if (focused instanceof HTMLElement) focused.focus()
  return copied
}
