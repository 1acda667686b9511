/** @import { Language } from './language.js' */
/** @import { Stage, Turn } from './types.ts' */
import { element } from './element.js'

/** @type {readonly Stage[]} */
const stages = ['fetch', 'queue', 'image', 'vision', 'prefill', 'decode']

/**
 * Tokens, speed and where the time went, once an answer is there.
 * @param {Language} language
 * @param {Turn} turn
 */
export function measures(language, turn) {
  const { usage, timings = {} } = turn.finish ?? {}
  /** @type {[string, string][]} */
  const counts = []
  if (usage) {
    const cached = usage.prompt_tokens_details?.cached_tokens ?? 0
    const read = language.t('tokens', { n: usage.prompt_tokens })
    counts.push([language.t('read'), cached === 0 ? read : `${read}${language.t('cached', { n: cached })}`])
    counts.push([language.t('written'), language.t('tokens', { n: usage.completion_tokens })])
    const perSecond = speed(usage.completion_tokens, timings.decode ?? 0)
    if (perSecond !== null)
      counts.push([language.t('perSecond'), language.t('tokensPerSecond', { n: perSecond })])
  }
  if (turn.request.stream && turn.firstTextMs !== null) {
    counts.push([language.t('firstText'), duration(turn.firstTextMs)])
  }
  if (turn.totalMs !== null) counts.push([language.t('total'), duration(turn.totalMs)])
  const list = element('dl', { class: 'counts' }, ...counts.map(([name, value]) => pair(name, value)))
  return element('div', { class: 'measures' }, list, ...stageBar(language, timings))
}

/**
 * The first token belongs to reading the prompt; the rest is writing.
 * @param {number} tokens
 * @param {number} decodeMs
 */
function speed(tokens, decodeMs) {
  return tokens < 2 || decodeMs === 0 ? null : Math.round(((tokens - 1) / decodeMs) * 1000)
}

/**
 * @param {Language} language
 * @param {Partial<Record<Stage, number>>} timings
 */
function stageBar(language, timings) {
  const known = stages.flatMap((stage) => {
    const ms = timings[stage]
    return ms === undefined ? [] : [{ stage, ms }]
  })
  if (known.length === 0) return []
  const bar = element(
    'div',
    { class: 'stage-bar', 'aria-hidden': 'true' },
    ...known
      .filter(({ ms }) => ms > 0)
      .map(({ stage, ms }) => {
        const part = element('span', { 'data-stage': stage })
        part.style.flexGrow = String(ms)
        return part
      }),
  )
  const rows = known.map(({ stage, ms }) => pair(language.t(stage), duration(ms), stage))
  const list = element('dl', { class: 'stage-list', 'aria-label': language.t('stages') }, ...rows)
  return [element('div', {}, bar, list)]
}

/**
 * @param {string} name
 * @param {string} value
 * @param {Stage | null} [stage]
 */
const pair = (name, value, stage = null) =>
  element('div', { 'data-stage': stage }, element('dt', {}, name), element('dd', {}, value))

/** @param {number} ms */
function duration(ms) {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`
}
