/** @import { Language } from './language.js' */
/** @import { StringKey } from './strings.js' */
/** @import { Failure } from './types.ts' */
import { element } from './element.js'
import { strings } from './strings.js'

/**
 * An error as people read it: what it means in their language, then the server's own words, which name the detail.
 * @param {Language} language
 * @param {Failure} failure
 */
export function failureView(language, failure) {
  const { code, message, param, requestId, retryAfterS, status } = failure
  const key = /** @type {StringKey} */ (`error_${code}` in strings.en ? `error_${code}` : 'error_unknown')
  const known = key !== 'error_unknown' || message === ''
  const meaning = known ? language.t(key, { status: status ?? '–' }) : message
  const details = [
    ...(known && message !== '' ? [message] : []),
    ...(param === null ? [] : [language.t('errorField', { name: param })]),
    ...(retryAfterS === null ? [] : [language.t('errorRetry', { n: retryAfterS })]),
    ...(requestId === null ? [] : [language.t('errorId', { id: requestId })]),
  ]
  return element(
    'div',
    { class: 'failure' },
    element('strong', {}, language.t('errorTitle')),
    meaning,
    ...details.map((text) => element('p', { class: 'details' }, text)),
  )
}
