// Asks about a picture with axios and prints the answer as it is written.
//
//     npm install axios
//     node examples/ask-axios.mjs examples/receipt.png 列出所有金额

import { readFile } from 'node:fs/promises'
import { argv, env, stderr, stdout } from 'node:process'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import axios from 'axios'

const timeoutMs = Number(env.GLM_TIMEOUT ?? 300) * 1000
const attempts = 5
const maxWaitMs = 60_000

const client = axios.create({
  baseURL: env.GLM_URL ?? 'http://127.0.0.1:8080',
  headers: env.GLM_API_KEY === undefined ? {} : { authorization: `Bearer ${env.GLM_API_KEY}` },
  responseType: 'stream',
  maxBodyLength: Number.POSITIVE_INFINITY, // pictures are larger than axios expects
  validateStatus: () => true,
})

/** Yields the answer piece by piece. Any parameter of the API may be added, such as `{ temperature: 0 }`. */
async function* ask(image, prompt, parameters = {}) {
  const body = {
    image: `data:image/png;base64,${image.toString('base64')}`, // the label may be wrong: the bytes decide
    prompt,
    stream: true,
    ...parameters,
  }
  const signal = AbortSignal.timeout(timeoutMs) // axios' own timeout ends with the headers
  const { status, data } = await post(body, signal)
  if (status !== 200) throw new Error(describe(JSON.parse(await text(data)).error))
  for await (const event of events(data)) {
    if (event.error !== undefined) throw new Error(describe(event.error))
    yield event.choices[0].delta.content ?? ''
  }
}

/** A refusal with 429 or 503 says in Retry-After when to come back; nothing else is sent twice. */
async function post(body, signal) {
  for (let attempt = 1; ; attempt += 1) {
    const last = attempt === attempts
    const response = await client.post('/v1/multimodal/completions', body, { signal }).catch((error) => {
      if (error.code !== 'ECONNREFUSED' || last) throw error
      return null
    })
    const busy = response === null || response.status === 429 || response.status === 503
    if (!busy || last) return response
    response?.data.destroy()
    const toldMs = Number(response?.headers['retry-after'] ?? 0) * 1000
    const backoffMs = 500 * 2 ** attempt * (0.5 + Math.random() / 2)
    await sleep(Math.min(maxWaitMs, Math.max(toldMs, backoffMs)), undefined, { signal })
  }
}

/** The events of a stream, up to `[DONE]`. */
async function* events(stream) {
  let rest = ''
  for await (const part of stream.setEncoding('utf8')) {
    const lines = (rest + part).split('\n')
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
  stderr.write(`\n${error.message || error.code}\n`)
  process.exitCode = 1
}
