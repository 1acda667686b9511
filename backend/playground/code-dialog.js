/** @import { SnippetLanguage } from './snippets.js' */
/** @import { ApiRequest, Target } from './types.ts' */
import { byId } from './element.js'
import { shortened, snippet, snippetLanguages } from './snippets.js'

/**
 * Shows a request as a program to copy.
 * @param {(text: string) => void} copy
 * @returns {(request: ApiRequest, target: Target, language: SnippetLanguage) => void}
 */
export function addCodeDialog(copy) {
  const dialog = byId('code-dialog', HTMLDialogElement)
  const tabs = [...dialog.querySelectorAll('button')].filter(
    (button) => button.dataset['language'] !== undefined,
  )
  /** @type {{ request: ApiRequest, target: Target, language: SnippetLanguage } | null} */
  let shown = null

  const show = (/** @type {NonNullable<typeof shown>} */ next) => {
    shown = next
    byId('code', HTMLTextAreaElement).value = shortened(snippet(next.language, next.request, next.target))
    byId('code-key-hint', HTMLElement).hidden = !next.target.key
    for (const tab of tabs)
      tab.setAttribute('aria-pressed', String(tab.dataset['language'] === next.language))
  }
  for (const tab of tabs) {
    tab.addEventListener('click', () => {
      const language = snippetLanguages.find((name) => name === tab.dataset['language'])
      if (shown !== null && language !== undefined) show({ ...shown, language })
    })
  }
  byId('code-close', HTMLButtonElement).addEventListener('click', () => dialog.close())
  dialog.addEventListener('click', (event) => {
    if (event.target === dialog) dialog.close() // the backdrop
  })
  byId('code-copy', HTMLButtonElement).addEventListener('click', () => {
    if (shown !== null) copy(snippet(shown.language, shown.request, shown.target))
  })
  return (request, target, language) => {
    show({ request, target, language })
    dialog.showModal()
    byId('code-copy', HTMLButtonElement).focus()
  }
}
