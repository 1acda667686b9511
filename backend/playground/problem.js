/**
 * Shows what is wrong beside the field that is wrong; null: nothing is.
 * @param {HTMLElement} place with `role="alert"`
 * @param {string | null} text
 */
export function showProblem(place, text) {
  place.hidden = text === null
  place.textContent = text ?? ''
}
