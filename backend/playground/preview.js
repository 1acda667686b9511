/** @import { Picture } from './types.ts' */
import { element } from './element.js'

/**
 * A picture as far as the page can show it: linked ones, and formats that only the server reads, by their name.
 * @param {Picture} picture
 */
export function previewOf({ preview, name }) {
  const named = element('span', { class: 'linked' }, name)
  if (preview === null) return named
  const image = element('img', { src: preview, alt: name })
  image.addEventListener('error', () => image.replaceWith(named), { once: true })
  return image
}
