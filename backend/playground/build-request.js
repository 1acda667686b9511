/** @import { AnswerFormat, ApiRequest, Exchange, Picture, Settings } from './types.ts' */

/**
 * The request for a question. A first question about pictures goes to the picture endpoint, whose shape is the simplest;
 * follow-up questions and questions without a picture are a chat. What people left open is not sent.
 * @param {{ pictures: readonly Picture[], history: readonly Exchange[], question: string, settings: Settings }} asked
 * @returns {ApiRequest}
 */
export function buildRequest({ pictures, history, question, settings }) {
  const references = pictures.map(({ reference }) => reference)
  const { stream } = settings
  if (references.length > 0 && history.length === 0) {
    const body = {
      prompt: question,
      ...given({ max_new_tokens: settings.maxTokens }),
      ...sampling(settings),
      ...(settings.thinking ? { thinking: true } : {}),
      ...(stream ? { stream: true } : {}),
      image: references.length === 1 ? references[0] : references,
    }
    return { path: 'v1/multimodal/completions', body, stream }
  }
  const body = {
    ...given({ max_completion_tokens: settings.maxTokens }),
    ...sampling(settings),
    ...(settings.thinking ? { thinking: true } : {}),
    ...(stream ? { stream: true, stream_options: { include_usage: true } } : {}),
    messages: messages(references, history, question),
  }
  return { path: 'v1/chat/completions', body, stream }
}

/** @param {Settings} settings */
function sampling(settings) {
  return {
    ...given({
      temperature: settings.temperature,
      top_p: settings.topP,
      top_k: settings.topK,
      repetition_penalty: settings.repetitionPenalty,
      seed: settings.seed,
    }),
    ...(settings.stop.length === 0 ? {} : { stop: settings.stop }),
    ...responseFormat(settings.format),
  }
}

/** @param {AnswerFormat} format */
function responseFormat(format) {
  if (format.type === 'text') return {}
  if (format.type === 'json_object') return { response_format: { type: 'json_object' } }
  const json_schema = { name: 'answer', strict: true, schema: format.schema }
  return { response_format: { type: 'json_schema', json_schema } }
}

/**
 * Pictures go with the first question: the ones after it are about the same pictures.
 * @param {readonly string[]} references
 * @param {readonly Exchange[]} history
 * @param {string} question
 */
function messages(references, history, question) {
  const pictures = references.map((url) => ({ type: 'image_url', image_url: { url } }))
  const questions = [...history.map((exchange) => exchange.question), question]
  return questions.flatMap((text, index) => {
    const content = index === 0 && pictures.length > 0 ? [...pictures, { type: 'text', text }] : text
    const answer = history[index]?.answer
    const user = { role: 'user', content }
    return answer === undefined ? [user] : [user, { role: 'assistant', content: answer }]
  })
}

/** @param {Record<string, number | null>} fields */
const given = (fields) => Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null))
