/** @import { Turn } from './types.ts' */
import { buildRequest } from './build-request.js'
import { addCodeDialog } from './code-dialog.js'
import { Conversation } from './conversation.js'
import { createCopy } from './copy.js'
import { byId } from './element.js'
import { Language } from './language.js'
import { addPicturePane } from './picture-pane.js'
import { Pictures } from './pictures.js'
import { showProblem } from './problem.js'
import { addSamples } from './samples.js'
import { SettingsForm } from './settings.js'
import { StatusLine } from './status.js'
import { addThemeSwitch } from './theme.js'

/** Relative to the page, so that it works behind a path of a proxy too. */
const base = new URL('.', document.baseURI).href
const language = new Language()
const pictures = new Pictures()
const settings = new SettingsForm(language)
const copy = createCopy(language)
const showCode = addCodeDialog(copy)

const question = byId('question', HTMLTextAreaElement)
const keyField = byId('key', HTMLInputElement)
const keyForm = byId('key-form', HTMLFormElement)
const problem = byId('question-problem', HTMLElement)
const remember = byId('remember', HTMLInputElement)
let keyWanted = false

const conversation = new Conversation(language, {
  copy,
  showCode: ({ request }, name) => showCode(request, { url: base, key: keyWanted }, name),
  retry: (turn) => send(turn),
})
const status = new StatusLine(language, {
  base,
  key: () => keyField.value.trim(),
  onStatus: ({ limits }) => pictures.setLimits(limits),
  onLocked: wantKey,
})

/** The server does not answer without a key: the field for it comes forward. */
function wantKey() {
  keyWanted = true
  keyForm.hidden = false
}

function askQuestion() {
  if (conversation.busy) return
  const text = question.value.trim()
  question.setAttribute('aria-invalid', String(text === ''))
  showProblem(problem, text === '' ? language.t('questionMissing') : null)
  if (text === '') return question.focus()
  const read = settings.read()
  if (read === null) return
  const { list, topic } = pictures
  const history = remember.checked ? conversation.history(topic) : []
  question.value = ''
  const request = buildRequest({ pictures: list, history, question: text, settings: read })
  send({ question: text, pictures: list, topic, request })
}

/** @param {Pick<Turn, 'question' | 'pictures' | 'topic' | 'request'>} asked */
async function send({ question: text, pictures: list, topic, request }) {
  if (conversation.busy) return
  const turn = await conversation.ask(
    { question: text, pictures: list, topic, request },
    { base, key: keyField.value.trim() },
  )
  if (turn.failure?.code === 'invalid_api_key') {
    wantKey()
    keyField.focus()
  }
  status.refresh()
}

conversation.onChange = () => {
  const { busy, empty } = conversation
  const stop = byId('stop', HTMLButtonElement)
  const ask = byId('ask', HTMLButtonElement)
  const focused = document.activeElement === ask || document.activeElement === stop
  ask.hidden = busy
  stop.hidden = !busy
  if (focused) (busy ? stop : ask).focus() // a hidden button would drop the keyboard's place
  byId('welcome', HTMLElement).hidden = !empty
  byId('clear', HTMLButtonElement).hidden = empty
}

byId('composer', HTMLFormElement).addEventListener('submit', (event) => {
  event.preventDefault()
  askQuestion()
})
question.addEventListener('keydown', (event) => {
  const composing = event.isComposing || event.keyCode === 229 // Enter takes the characters; Safari tells by 229 alone
  if (event.key !== 'Enter' || event.shiftKey || composing) return
  event.preventDefault()
  askQuestion()
})
byId('stop', HTMLButtonElement).addEventListener('click', () => conversation.stop())
byId('clear', HTMLButtonElement).addEventListener('click', () => {
  conversation.clear()
  question.focus()
})
keyField.addEventListener('change', () => status.refresh())
keyForm.addEventListener('submit', (event) => event.preventDefault()) // Enter has made it a change already

const languageSwitch = byId('language', HTMLButtonElement)
languageSwitch.addEventListener('click', () => language.toggle())
language.onChange(() => {
  const other = language.code === 'zh' ? 'en' : 'zh'
  languageSwitch.lang = other
  languageSwitch.textContent = other === 'zh' ? '中文' : 'English'
})

addThemeSwitch(language)
addPicturePane(language, pictures)
addSamples(language, pictures, (text) => {
  question.value = text
  question.focus()
})
language.apply()
status.run()
