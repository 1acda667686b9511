import {
  type Attributes,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api'
import { W3CTraceContextPropagator } from '@opentelemetry/core'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { BatchSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace'
import { createMiddleware } from 'hono/factory'
import { routePath } from 'hono/route'
import type { HttpEnv } from './http/http-env.ts'

/** Names of the stages in the order a request passes them, as the log line spells their milliseconds. */
const stages = ['queue', 'image', 'vision', 'prefill', 'decode'] as const
/** Of the log line, what is worth a span's attribute: numbers and names, never a text. */
const kept = ['request_id', 'prompt_tokens', 'completion_tokens', 'cached_tokens', 'finish_reason', 'error']

const propagator = new W3CTraceContextPropagator()

/** Sends one span a request, with one child a stage, to an OpenTelemetry collector. */
export class Tracing {
  readonly #provider: TracerProvider
  readonly #tracer: Tracer

  /** @param url where the collector takes OTLP over HTTP, such as http://127.0.0.1:4318/v1/traces */
  constructor(url: string, version: string) {
    this.#provider = new TracerProvider({
      resource: resourceFromAttributes({ 'service.name': 'glm-web', 'service.version': version }),
      spanProcessors: [new BatchSpanProcessor({ exporter: new OTLPTraceExporter({ url }) })],
    })
    this.#tracer = this.#provider.getTracer('glm-web')
  }

  /** Joins the caller's trace if `traceparent` names one; the answer's own `traceparent` names the request's span. */
  middleware() {
    const { traced } = this
    return createMiddleware<HttpEnv>(async function tracing(c, next) {
      const startMs = Date.now()
      const span = traced(c.req.header('traceparent'), c.req.header('tracestate'), c.req.method, startMs)
      const { traceId, spanId, traceFlags } = span.spanContext()
      await next()
      c.header('traceparent', `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`)
      const end = () => span.finish(routePath(c, -1), c.res.status, c.get('access') ?? {})
      const outgoing = c.env.outgoing
      if (outgoing === undefined || outgoing.closed) end()
      else outgoing.once('close', end)
    })
  }

  async close(): Promise<void> {
    await this.#provider.shutdown()
  }

  readonly traced = (
    parent: string | undefined,
    state: string | undefined,
    method: string,
    startMs: number,
  ) => {
    const carrier = { traceparent: parent, tracestate: state }
    const context = propagator.extract(ROOT_CONTEXT, carrier, {
      get: (from, key) => from[key as keyof typeof carrier],
      keys: Object.keys,
    })
    const span = this.#tracer.startSpan(method, { kind: SpanKind.SERVER, startTime: startMs }, context)
    const finish = (route: string, status: number, fields: Readonly<Record<string, unknown>>) => {
      const endMs = Date.now()
      span.updateName(`${method} ${route}`)
      span.setAttributes({
        'http.request.method': method,
        'http.route': route,
        'http.response.status_code': status,
        ...attributesOf(fields),
      })
      if (status >= 500) span.setStatus({ code: SpanStatusCode.ERROR })
      this.#stageSpans(trace.setSpan(context, span), fields, endMs)
      span.end(endMs)
    }
    return { spanContext: () => span.spanContext(), finish }
  }

  /** The stages follow one another; the last ends with the answer. */
  #stageSpans(parent: typeof ROOT_CONTEXT, fields: Readonly<Record<string, unknown>>, endMs: number): void {
    const durations = stages.map((stage) => Number(fields[`${stage}_ms`] ?? Number.NaN))
    if (durations.some(Number.isNaN)) return
    let startTime = endMs - durations.reduce((sum, ms) => sum + ms, 0)
    for (const [index, stage] of stages.entries()) {
      const stop = startTime + (durations[index] ?? 0)
      this.#tracer.startSpan(stage, { startTime }, parent).end(stop)
      startTime = stop
    }
  }
}

function attributesOf(fields: Readonly<Record<string, unknown>>): Attributes {
  const entries = kept.flatMap((name) => {
    const value = fields[name]
    return typeof value === 'string' || typeof value === 'number' ? [[`glm.${name}`, value] as const] : []
  })
  return Object.fromEntries(entries)
}
