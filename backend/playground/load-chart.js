import { svgElement } from './element.js'

/** What a bar shows: the share of time the model worked, requests that waited, and how many it takes at once. */
/** @typedef {{ readonly busy: number, readonly waiting: number, readonly slots: number }} Load */

const WIDTH = 120
const HEIGHT = 24
const GAP = 1

/**
 * One bar a sample, the newest at the right: work, and on top of it what waits. The full height is work without a pause,
 * or more when requests wait.
 * @param {SVGElement} chart
 * @param {readonly Load[]} samples
 * @param {number} count samples the whole width holds
 */
export function drawLoad(chart, samples, count) {
  const width = WIDTH / count
  const top = Math.max(1, ...samples.map(({ busy, waiting, slots }) => busy + waiting / slots))
  const bars = samples.flatMap(({ busy, waiting, slots }, index) => {
    const x = WIDTH - (samples.length - index) * width
    const bar = (/** @type {string} */ kind, /** @type {number} */ from, /** @type {number} */ share) => {
      const height = (HEIGHT * share) / top
      const y = HEIGHT - (HEIGHT * from) / top - height
      return share === 0 ? [] : [svgElement('rect', { class: kind, x, width: width - GAP, y, height })]
    }
    return [...bar('busy', 0, busy), ...bar('waiting', busy, waiting / slots)]
  })
  chart.replaceChildren(...bars)
}
