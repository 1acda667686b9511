import { headerNames } from '../../shared/headers.ts'
import { MemoryNonceStore } from '../../shared/nonce-store.ts'
import { verifySignedRequest } from '../../shared/signed-request.ts'
import { parseSigningKeys } from '../../shared/signing.ts'
import { sseEvent, usageComment } from '../../shared/sse.ts'
import { readWireBody } from '../../shared/wire-body.ts'
import { StandInJobs } from './stand-in-jobs.ts'

/** What the stand-in was sent and how it went. */
export interface SeenRequest {
  readonly path: string
  readonly claims: unknown
  readonly request: Record<string, unknown>
  readonly attachmentSizes: number[]
  /** Tokens each line of a batch may take. */
  readonly limits: readonly number[]
  readonly requestId: string | null
  readonly traceparent: string | null
  outcome: 'running' | 'answered' | 'cancelled'
  endedMs: number | null
}

/**
 * Speaks the backend's side of the wire, signature check included, without a model: the prompt says what to answer.
 * `say N` gives N tokens, `slow N` one every 20 ms, `die N` breaks off after N, `refuse STATUS` answers so, `hang`
 * never answers; `later` becomes a job if it may, and `/v1/jobs` is `StandInJobs`. `GET /seen` tells what came in. `clock` is the time a request is taken to come at.
 */
export function createStandInBackend(signingKeys: string, clock: (request: Request) => number = Date.now) {
  const keys = parseSigningKeys(signingKeys)
  const nonces = new MemoryNonceStore()
  const seen: SeenRequest[] = []
  const jobs = new StandInJobs()

  async function answer(request: Request): Promise<Response> {
    const { pathname, search } = new URL(request.url)
    if (pathname === '/seen') return Response.json(seen)
    if (pathname === '/health') return Response.json({ status: 'healthy', model: 'stand-in', device: 'cpu' })
    if (pathname === '/readyz') return Response.json({ status: 'healthy' })
    const head = { method: request.method, target: pathname + search, headers: request.headers }
    const verified = await verifySignedRequest(head, { keys, nonces, nowMs: clock(request) })
    if (!verified) return new Response('unsigned', { status: 400 })
    if (pathname === '/v1/models')
      return Response.json({ object: 'list', data: [{ id: 'stand-in', object: 'model' }] })
    const known = jobs.read(request, verified.claims)
    if (known) return known
    const body = new Uint8Array(await request.arrayBuffer())
    await verified.checkBody(body)
    const {
      request: fields,
      attachments,
      limits,
    } = await readWireBody(body, request.headers.get('content-type') ?? '')
    const entry: SeenRequest = {
      path: pathname,
      claims: verified.claims,
      request: fields as Record<string, unknown>,
      attachmentSizes: attachments.map(({ length }) => length),
      limits: [...limits],
      requestId: request.headers.get(headerNames.requestId),
      traceparent: request.headers.get(headerNames.traceparent),
      outcome: 'running',
      endedMs: null,
    }
    seen.push(entry)
    const prompt = promptOf(entry.request)
    const submits = pathname === '/v1/jobs' || pathname === '/v1/batches'
    if (submits || (verified.claims.job && prompt === 'later')) {
      return jobs.submit(pathname, prompt, verified.claims)
    }
    return perform(entry, request.signal)
  }

  return {
    seen,
    fetch: (request: Request) =>
      answer(request).catch((error: unknown) => new Response(String(error), { status: 401 })),
  }
}

const promptTokens = 7
const load = { [headerNames.queueDepth]: '0', [headerNames.freeSlots]: '4' }

async function perform(entry: SeenRequest, signal: AbortSignal): Promise<Response> {
  const [verb = 'say', argument = '3'] = promptOf(entry.request).split(' ')
  const count = Number(argument)
  const end = (outcome: SeenRequest['outcome']) => {
    if (entry.outcome !== 'running') return
    entry.outcome = outcome
    entry.endedMs = Date.now()
  }
  signal.addEventListener('abort', () => end('cancelled'))
  if (verb === 'hang') await new Promise((resolve) => signal.addEventListener('abort', resolve))
  if (verb === 'refuse') {
    end('answered')
    return Response.json(
      { error: { message: 'refused', code: 'x' } },
      { status: count, headers: { 'retry-after': '3' } },
    )
  }
  if (entry.request['stream'] !== true) {
    end('answered')
    const usage = {
      prompt_tokens: promptTokens,
      completion_tokens: count,
      total_tokens: promptTokens + count,
    }
    const message = { role: 'assistant', content: 'word '.repeat(count).trim() }
    return Response.json(
      { ...identity, choices: [{ index: 0, message, finish_reason: 'stop' }], usage },
      { headers: load },
    )
  }
  return new Response(events(verb, count, end), { headers: { 'content-type': 'text/event-stream', ...load } })
}

const identity = { id: 'cmpl-1', object: 'chat.completion', created: 1, model: 'stand-in' }

function events(verb: string, count: number, end: (outcome: SeenRequest['outcome']) => void) {
  const encoder = new TextEncoder()
  let sent = 0
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        // A connection that breaks takes along what has not left yet: what was sent before must have.
        if (verb === 'slow' || verb === 'die') await new Promise((resolve) => setTimeout(resolve, 20))
        if (verb === 'die' && sent === count) {
          end('answered')
          controller.error(new Error('died'))
        } else if (sent < count) {
          sent += 1
          controller.enqueue(
            encoder.encode(usageComment(promptTokens, sent) + sseEvent(chunk('word ', null))),
          )
        } else {
          controller.enqueue(
            encoder.encode(
              usageComment(promptTokens, sent) + sseEvent(chunk('', 'stop')) + sseEvent('[DONE]'),
            ),
          )
          end('answered')
          controller.close()
        }
      },
      cancel: () => end('cancelled'),
    },
    { highWaterMark: 0 },
  )
}

function chunk(content: string, finish: string | null): string {
  const choices = [{ index: 0, delta: { content }, finish_reason: finish }]
  return JSON.stringify({ ...identity, object: 'chat.completion.chunk', choices })
}

function promptOf(request: Record<string, unknown>): string {
  const [line] = (request['lines'] ?? []) as Record<string, unknown>[]
  if (line !== undefined) return promptOf(line)
  if (typeof request['prompt'] === 'string') return request['prompt']
  const [message] = request['messages'] as { content: string | { type: string; text?: string }[] }[]
  if (typeof message?.content === 'string') return message.content
  return message?.content.find(({ type }) => type === 'text')?.text ?? ''
}
