import { readFileSync } from 'node:fs'
import OpenAI from 'openai'
import { describe, expect, test } from 'vitest'
import { dataUri, samplePath } from '../support/pictures.ts'

/** Where the API is, and a key for it; null: it is open. */
export interface Target {
  readonly url: string
  readonly key: string | null
  /** Whether it takes jobs. */
  readonly jobs: boolean
}

const picture = readFileSync(samplePath('number.png'))
const pictureUri = dataUri(picture)

/** What every deployment of the API promises, seen from outside: the backend alone and any edge in front of it. */
export function conformance(name: string, target: () => Target) {
  const headers = (): Record<string, string> => {
    const { key } = target()
    return key === null ? {} : { authorization: `Bearer ${key}` }
  }
  const post = (path: string, body: unknown, more: Record<string, string> = {}) =>
    fetch(`${target().url}${path}`, {
      method: 'POST',
      headers: { ...headers(), 'content-type': 'application/json', ...more },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    })
  const ask = (fields: Record<string, unknown> = {}) =>
    post('/v1/multimodal/completions', {
      image: pictureUri,
      prompt: 'What number is this?',
      max_new_tokens: 8,
      temperature: 0,
      ...fields,
    })
  const client = () =>
    new OpenAI({ baseURL: `${target().url}/v1`, apiKey: target().key ?? 'none', maxRetries: 0 })

  describe(name, () => {
    test('a picture and a question give clean text and an exact count', async () => {
      const response = await ask()
      expect(response.status).toBe(200)
      expect(response.headers.get('x-request-id')).toMatch(/^[\w.:-]+$/)
      const answer = (await response.json()) as Completion
      expect(answer.object).toBe('multimodal.completion')
      expect(answer.choices[0]?.message.content).toMatch(/^\S(.*\S)?$/s)
      const { prompt_tokens, completion_tokens, total_tokens } = answer.usage
      expect(prompt_tokens + completion_tokens).toBe(total_tokens)
    })

    test('JSON, form and stream give the same greedy answer', async () => {
      const whole = ((await (await ask()).json()) as Completion).choices[0]?.message.content
      const form = new FormData()
      form.set('image', new Blob([picture]), 'number.png')
      form.set('prompt', 'What number is this?')
      form.set('max_new_tokens', '8')
      form.set('temperature', '0')
      const response = await fetch(`${target().url}/v1/multimodal/completions`, {
        method: 'POST',
        headers: headers(),
        body: form,
      })
      expect(((await response.json()) as Completion).choices[0]?.message.content).toBe(whole)
      const events = eventsOf(await (await ask({ stream: true })).text())
      expect(events.at(-1)).toBe('[DONE]')
      const chunks = events.slice(0, -1).map((event) => JSON.parse(event) as Chunk)
      expect(chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').join('')).toBe(whole)
      expect(chunks.at(-1)?.usage?.completion_tokens).toBeGreaterThan(0)
    })

    test('the official client works unchanged, streaming included', async () => {
      const messages = [
        {
          role: 'user' as const,
          content: [
            { type: 'image_url' as const, image_url: { url: pictureUri } },
            { type: 'text' as const, text: 'What number is this?' },
          ],
        },
      ]
      const { data } = await client().models.list()
      const model = data[0]?.id ?? ''
      const wanted = { model, messages, max_tokens: 8, temperature: 0 }
      const whole = await client().chat.completions.create(wanted)
      expect(whole.choices[0]?.message.content).toBeTruthy()
      const stream = await client().chat.completions.create({
        ...wanted,
        stream: true,
        stream_options: { include_usage: true },
      })
      let text = ''
      let completionTokens = 0
      for await (const chunk of stream) {
        text += chunk.choices[0]?.delta.content ?? ''
        completionTokens = chunk.usage?.completion_tokens ?? completionTokens
      }
      expect(text).toBe(whole.choices[0]?.message.content)
      expect(completionTokens).toBe(whole.usage?.completion_tokens)
    })

    test('the official client gets errors it understands', async () => {
      const refused = client().chat.completions.create({ model: 'x', messages: [] })
      await expect(refused).rejects.toMatchObject({ status: 400, type: 'invalid_request_error' })
    })

    test.each([
      ['malformed JSON', '{"image":', 400, 'invalid_json', null],
      ['a missing field', { image: pictureUri }, 400, 'invalid_request', 'prompt'],
      [
        'a value out of range',
        { image: pictureUri, prompt: 'x', temperature: 3 },
        400,
        'invalid_request',
        'temperature',
      ],
      [
        'an unknown field',
        { image: pictureUri, prompt: 'x', tempreature: 1 },
        400,
        'unsupported_parameter',
        'tempreature',
      ],
      [
        'bytes that are no picture',
        { image: dataUri(Buffer.from('hello')), prompt: 'x' },
        400,
        'invalid_image',
        'image',
      ],
      ['broken base64', { image: `${pictureUri}!`, prompt: 'x' }, 400, 'invalid_image', 'image'],
      [
        'a URL into the network',
        { image: 'http://169.254.169.254/x', prompt: 'x' },
        400,
        'invalid_image_url',
        'image',
      ],
      ['another scheme', { image: 'file:///etc/passwd', prompt: 'x' }, 400, 'invalid_image_url', 'image'],
      ['another model', { image: pictureUri, prompt: 'x', model: 'gpt-4' }, 404, 'model_not_found', 'model'],
    ])('%s is the caller’s mistake, and named', async (_, body, status, code, param) => {
      const response = await post('/v1/multimodal/completions', body)
      expect(response.status).toBe(status)
      expect(await response.json()).toMatchObject({ error: { code, param, message: expect.any(String) } })
    })

    test('methods, paths and content types are told as HTTP says', async () => {
      const path = '/v1/multimodal/completions'
      const wrongMethod = await fetch(`${target().url}${path}`, { headers: headers() })
      expect(wrongMethod.status).toBe(405)
      expect(wrongMethod.headers.get('allow')).toContain('POST')
      expect((await fetch(`${target().url}/v1/nothing`, { headers: headers() })).status).toBe(404)
      expect((await post(path, 'x', { 'content-type': 'text/plain' })).status).toBe(415)
    })

    test('a harmless request id is kept, a harmful one is not', async () => {
      const kept = await fetch(`${target().url}/health`, { headers: { 'x-request-id': 'mine-1' } })
      expect(kept.headers.get('x-request-id')).toBe('mine-1')
      const replaced = await fetch(`${target().url}/health`, { headers: { 'x-request-id': 'a b"c' } })
      expect(replaced.headers.get('x-request-id')).not.toBe('a b"c')
    })

    test('health names the model that serves', async () => {
      const response = await fetch(`${target().url}/health`)
      expect(response.status).toBe(200)
      expect(await response.json()).toMatchObject({ status: 'healthy', model: expect.any(String) })
    })

    test('a job answers later what the endpoint answers at once', async (context) => {
      context.skip(!target().jobs, 'it takes no jobs')
      const fields = { image: pictureUri, prompt: 'What number is this?', max_new_tokens: 8, temperature: 0 }
      const accepted = await post('/v1/jobs', fields)
      expect(accepted.status).toBe(202)
      const location = accepted.headers.get('location') ?? ''
      const ended = await fetch(`${target().url}${location}?wait=60`, { headers: headers() })
      const { status, result } = (await ended.json()) as { status: string; result: Completion }
      const { choices } = (await (await ask()).json()) as Completion
      expect({ status, choices: result.choices }).toEqual({ status: 'done', choices })
      const cancelled = await fetch(`${target().url}${location}`, { method: 'DELETE', headers: headers() })
      expect(await cancelled.json()).toMatchObject({ status: 'done' })
    })

    test('a batch tells its progress and gives its results in order', async (context) => {
      context.skip(!target().jobs, 'it takes no jobs')
      const line = { image: pictureUri, prompt: 'What number is this?', temperature: 0 }
      const lines = [1, 2].map((max_new_tokens) => JSON.stringify({ ...line, max_new_tokens }))
      const accepted = await post('/v1/batches', lines.join('\n'), { 'content-type': 'application/jsonl' })
      expect(accepted.status).toBe(202)
      const location = `${target().url}${accepted.headers.get('location')}`
      const read = async (path = '') => (await fetch(location + path, { headers: headers() })).text()
      await expect
        .poll(async () => JSON.parse(await read()), { timeout: 20_000 })
        .toMatchObject({ total: 2, open: 0, done: 2 })
      const jobs = (await read('/results')).trimEnd().split('\n')
      const written = jobs.map(
        (job) => (JSON.parse(job) as { result: Completion }).result.usage.completion_tokens,
      )
      expect(written).toEqual([1, 2])
    })

    test.for([
      ['a stream', { stream: true }, 400, 'unsupported_parameter', 'stream'],
      ['an unknown field', { colour: 'red' }, 400, 'unsupported_parameter', 'colour'],
      ['no prompt', { prompt: undefined }, 400, 'invalid_request', 'prompt'],
      ['a webhook that is no URL', { webhook: 'nowhere' }, 400, 'invalid_request', 'webhook'],
    ] as const)('of a job %s is refused, naming it', async ([, fields, status, code, param], context) => {
      context.skip(!target().jobs, 'it takes no jobs')
      const response = await post('/v1/jobs', {
        image: pictureUri,
        prompt: 'x',
        max_new_tokens: 1,
        ...fields,
      })
      expect([response.status, await response.json()]).toMatchObject([status, { error: { code, param } }])
    })

    test('a job that is not there is 404, a wait out of range 400', async (context) => {
      context.skip(!target().jobs, 'it takes no jobs')
      const read = async (path: string) =>
        (await fetch(`${target().url}/v1/jobs/${path}`, { headers: headers() })).status
      expect([await read('1-1'), await read('nothing'), await read('1-1?wait=3600')]).toEqual([404, 404, 400])
    })

    test('claims from outside are not believed', async () => {
      const response = await post(
        '/v1/multimodal/completions',
        { image: pictureUri, prompt: 'x', max_new_tokens: 1 },
        { 'x-glm-claims': 'e30' },
      )
      // The backend refuses them; an edge sends its own and never passes them on.
      expect([200, 401]).toContain(response.status)
      if (target().key === null) expect(response.status).toBe(401)
    })
  })
}

interface Completion {
  readonly object: string
  readonly choices: { readonly message: { readonly content: string } }[]
  readonly usage: {
    readonly prompt_tokens: number
    readonly completion_tokens: number
    readonly total_tokens: number
  }
}

interface Chunk {
  readonly choices: { readonly delta: { readonly content?: string } }[]
  readonly usage?: { readonly completion_tokens: number }
}

function eventsOf(text: string): string[] {
  return text.split('\n').flatMap((line) => (line.startsWith('data: ') ? [line.slice(6)] : []))
}
