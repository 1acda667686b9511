/** @import { Language } from './language.js' */
/** @import { Pictures, Refusal } from './pictures.js' */
/** @import { Picture } from './types.ts' */
import { byId, element } from './element.js'
import { previewOf } from './preview.js'
import { showProblem } from './problem.js'

/**
 * Where pictures come in: dropped anywhere on the page, pasted, chosen or linked; and where they are seen and removed.
 * @param {Language} language
 * @param {Pictures} pictures
 */
export function addPicturePane(language, pictures) {
  const drop = byId('drop', HTMLElement)
  const files = byId('files', HTMLInputElement)
  const link = byId('link', HTMLInputElement)
  const problem = byId('picture-problem', HTMLElement)

  /** @param {Refusal | null} refusal */
  const tell = (refusal) => showProblem(problem, refusal === null ? null : refusalText(language, refusal))
  /** @param {readonly File[]} list */
  const add = async (list) => {
    if (list.length > 0) tell(await pictures.addFiles(list))
  }

  byId('choose', HTMLButtonElement).addEventListener('click', () => files.click())
  files.addEventListener('change', async () => {
    await add([...(files.files ?? [])])
    files.value = '' // so that the same file can be chosen again
  })
  document.addEventListener('paste', (event) => {
    const pasted = [...(event.clipboardData?.files ?? [])]
    if (pasted.length === 0) return
    event.preventDefault()
    add(pasted)
  })
  addDropping(drop, add)
  byId('link-form', HTMLFormElement).addEventListener('submit', (event) => {
    event.preventDefault()
    const url = link.value.trim()
    const usable = /^https?:\/\/[^\s]+$/i.test(url) && URL.canParse(url)
    link.setAttribute('aria-invalid', String(!usable))
    if (!usable) return showProblem(problem, language.t('linkInvalid'))
    const refusal = pictures.addLink(url)
    tell(refusal)
    if (refusal === null) link.value = ''
  })

  const removeAll = byId('remove-all', HTMLButtonElement)
  removeAll.addEventListener('click', () => pictures.set([]))
  const render = () => {
    drop.toggleAttribute('data-filled', pictures.list.length > 0)
    removeAll.hidden = pictures.list.length < 2
    byId('thumbs', HTMLElement).replaceChildren(
      ...pictures.list.map((picture) => thumb(language, picture, () => pictures.remove(picture))),
    )
  }
  pictures.onChange(() => {
    showProblem(problem, null)
    render()
  })
  language.onChange(render)
}

/**
 * The whole page takes drops: a picture that misses the field must not replace the page.
 * @param {HTMLElement} field
 * @param {(files: readonly File[]) => void} add
 */
function addDropping(field, add) {
  const isFile = (/** @type {DragEvent} */ event) => event.dataTransfer?.types.includes('Files') === true
  document.addEventListener('dragover', (event) => {
    if (!isFile(event)) return
    event.preventDefault()
    field.toggleAttribute('data-over', true)
  })
  document.addEventListener('dragleave', (event) => {
    if (event.relatedTarget === null) field.toggleAttribute('data-over', false)
  })
  document.addEventListener('drop', (event) => {
    if (!isFile(event)) return
    event.preventDefault()
    field.toggleAttribute('data-over', false)
    add([...(event.dataTransfer?.files ?? [])])
  })
}

/**
 * @param {Language} language
 * @param {Picture} picture
 * @param {() => void} remove
 */
function thumb(language, picture, remove) {
  const name = language.t('remove', { name: picture.name })
  const cross = element('span', { 'aria-hidden': 'true' }, '×')
  const button = element('button', { type: 'button', 'aria-label': name }, cross)
  button.addEventListener('click', () => {
    remove()
    byId('choose', HTMLButtonElement).focus()
  })
  const hint = picture.preview === null ? [element('p', { class: 'hint' }, language.t('linked'))] : []
  return element('li', {}, previewOf(picture), ...hint, button)
}

/**
 * @param {Language} language
 * @param {Refusal} refusal
 */
function refusalText(language, refusal) {
  const size = (/** @type {number} */ bytes) =>
    bytes < 1024 * 1024 ? `${Math.round(bytes / 1024)} KB` : `${(bytes / 1024 / 1024).toFixed(1)} MB`
  if (refusal.type === 'too_many') return language.t('tooManyPictures', { n: refusal.max })
  if (refusal.type === 'unreadable') return language.t('pictureUnreadable', { name: refusal.name })
  const { name, bytes, max } = refusal
  return language.t('pictureTooLarge', { name, size: size(bytes), max: size(max) })
}
