/** @import { Language } from './language.js' */
/** @import { Pictures } from './pictures.js' */
import { byId, element } from './element.js'
import { readPicture } from './pictures.js'
import { sampleQuestions } from './strings.js'

const FETCH_TIMEOUT_MS = 10_000

/**
 * The pictures that ship, and questions to begin with. A sample brings its picture and its question; asking is one more
 * key.
 * @param {Language} language
 * @param {Pictures} pictures
 * @param {(question: string) => void} suggest writes a question, ready to be asked
 */
export async function addSamples(language, pictures, suggest) {
  const chips = byId('suggestions', HTMLElement)
  language.onChange(() => {
    chips.replaceChildren(
      ...sampleQuestions[language.code].map((question) => {
        const chip = element('button', { type: 'button' }, question)
        chip.addEventListener('click', () => suggest(question))
        return chip
      }),
    )
  })
  /** @type {readonly { image: string, prompt: string }[]} */
  const samples = await (await get('answers.json')).json()
  const place = byId('samples', HTMLElement)
  const render = () =>
    place.replaceChildren(
      ...samples.map(({ image, prompt }) => {
        const label = language.t('sampleUse', { name: image, question: prompt })
        const picture = element('img', { src: addressOf(image), alt: '' })
        const button = element('button', { type: 'button', 'aria-label': label, title: label }, picture)
        button.addEventListener('click', async () => {
          const blob = await (await get(image)).blob()
          pictures.set([await readPicture(new File([blob], image, { type: blob.type }))])
          suggest(prompt)
        })
        return element('li', {}, button)
      }),
    )
  language.onChange(render)
  render()
}

const addressOf = (/** @type {string} */ name) => `playground/samples/${name}`

/** @param {string} name */
const get = (name) => fetch(addressOf(name), { signal: AbortSignal.timeout(FETCH_TIMEOUT_MS) })
