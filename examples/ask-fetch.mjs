// Asks about a picture and prints the answer as it is written. Needs nothing but Node 20 or newer.
//
//     node examples/ask-fetch.mjs examples/receipt.png 列出所有金额

import { readFile } from 'node:fs/promises'
import { argv, env, stderr, stdout } from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'

const url = env.GLM_URL ?? 'http://127.0.0.1:8080'
/** For the whole answer, the queue included. */
const timeoutMs = Number(env.GLM_TIMEOUT ?? 300) * 1000
const attempts = 5
const maxWaitMs = 60_000

/** Yields the answer piece by piece. Any parameter of the API may be added, such as `{ temperature: 0 }`. */
async function* ask(image, prompt, parameters = {}) {
  const body = JSON.stringify({
    image: `data:image/png;base64,${image.toString('base64')}`, // the label may be wrong: the bytes decide
    prompt,
    stream: true,
    ...parameters,
  })
  const response = await post(body, AbortSignal.timeout(timeoutMs))
  if (!response.ok) throw new Error(describe((await response.json()).error))
  for await (const event of events(response.body)) {
    if (event.error !== undefined) throw new Error(describe(event.error))
    yield event.choices[0].delta.content ?? ''
  }
}

/** A refusal with 429 or 503 says in Retry-After when to come back; nothing else is sent twice. */
async function post(body, signal) {
  const headers = { 'content-type': 'application/json' }
  if (env.GLM_API_KEY !== undefined) headers.authorization = `Bearer ${env.GLM_API_KEY}`
  for (let attempt = 1; ; attempt += 1) {
    const last = attempt === attempts
    const response = await fetch(`${url}/v1/multimodal/completions`, {
      method: 'POST',
      headers,
      body,
      signal,
    }).catch((error) => {
      const unreachable = error.cause?.code === 'ECONNREFUSED' && !last
      if (!unreachable) throw error
      return null
    })
    const busy = response === null || response.status === 429 || response.status === 503
    if (!busy || last) return response
    await response?.body?.cancel()
    const toldMs = Number(response?.headers.get('retry-after') ?? 0) * 1000
    const backoffMs = 500 * 2 ** attempt * (0.5 + Math.random() / 2)
    await sleep(Math.min(maxWaitMs, Math.max(toldMs, backoffMs)), undefined, { signal })
  }
}

/** The events of a stream, up to `[DONE]`. */
async function* events(body) {
  let rest = ''
  for await (const text of body.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split('\n')
    rest = lines.pop()
    for (const line of lines) {
      if (line === 'data: [DONE]') return
      if (line.startsWith('data: ')) yield JSON.parse(line.slice('data: '.length))
    }
  }
  throw new Error('the connection broke before the answer was whole')
}

const describe = ({ code, param, message }) => `${code}${param ? ` (${param})` : ''}: ${message}`

const [path, prompt] = argv.slice(2)
try {
  for await (const piece of ask(await readFile(path), prompt)) stdout.write(piece)
  stdout.write('\n')
} catch (error) {
  stderr.write(`\n${error.message}${error.cause ? ` (${error.cause.message})` : ''}\n`)
  process.exitCode = 1
}
