/** @import { Language } from './language.js' */
import { byId } from './element.js'

/**
 * The button that changes between light and dark. Until it is used the system decides.
 * @param {Language} language
 */
export function addThemeSwitch(language) {
  const button = byId('theme', HTMLButtonElement)
  const system = matchMedia('(prefers-color-scheme: dark)')
  const root = document.documentElement
  const isDark = () => (root.dataset['theme'] ?? (system.matches ? 'dark' : 'light')) === 'dark'
  const show = () => {
    const name = language.t(isDark() ? 'toLight' : 'toDark')
    button.textContent = name
    button.setAttribute('aria-label', language.t('theme', { name }))
  }
  button.addEventListener('click', () => {
    root.dataset['theme'] = isDark() ? 'light' : 'dark'
    show()
  })
  system.addEventListener('change', show)
  language.onChange(show)
}
