import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { AnswerEnd } from './completion/completions.ts'
import type { EngineStats } from './engine/stats.ts'
import type { ServerState } from './state.ts'

/** Seconds; from a cached answer on a GPU to a page read on one core. */
const STAGE_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300]
const INTER_TOKEN_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5]
const TOKEN_BUCKETS = [1, 8, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16_384, 32_768]

export interface JobDepths {
  readonly queued: number
  readonly retrying: number
  readonly dead: number
  /** Settlements the edge does not have yet. */
  readonly unsettled: number
}

/** What a scrape looks at, at its moment. */
export interface Scene {
  readonly state: ServerState['status']
  readonly engine: EngineStats | null
  readonly jobs: { readonly running: number; readonly depths: JobDepths | null } | null
}

/**
 * The server's Prometheus metrics. Names are vLLM's, with `glm_` before them, where the meaning is the same; the
 * stages of a picture have no counterpart there.
 */
export class Metrics {
  readonly #registry = new Registry()
  readonly #gauges = new Map<string, Gauge>()
  readonly #counters = new Map<string, { counter: Counter; seen: number }>()
  readonly #answers: Counter
  readonly #requests: Counter
  readonly #errors: Counter
  readonly #refused: Counter
  /** By reason, as of the last scrape. */
  readonly #refusedSeen = new Map<string, number>()
  readonly #requestSeconds: Histogram
  readonly #stages: Readonly<Record<Stage, Histogram>>
  readonly #interToken: Histogram
  readonly #promptTokens: Histogram
  readonly #generatedTokens: Histogram

  constructor() {
    const registers = [this.#registry]
    collectDefaultMetrics({ register: this.#registry })
    this.#answers = new Counter({
      name: 'glm_request_success_total',
      help: 'Answers written to their end, by finish reason.',
      labelNames: ['finished_reason'],
      registers,
    })
    this.#requests = new Counter({
      name: 'glm_http_requests_total',
      help: 'HTTP requests, by route and status.',
      labelNames: ['method', 'route', 'status'],
      registers,
    })
    this.#errors = new Counter({
      name: 'glm_request_errors_total',
      help: 'HTTP requests that met an error, by its code.',
      labelNames: ['code'],
      registers,
    })
    this.#refused = new Counter({
      name: 'glm_requests_refused_total',
      help: 'Requests the engine refused before any work, by reason.',
      labelNames: ['reason'],
      registers,
    })
    this.#requestSeconds = new Histogram({
      name: 'glm_http_request_duration_seconds',
      help: 'From the first byte in to the last byte out.',
      labelNames: ['route'],
      buckets: STAGE_BUCKETS,
      registers,
    })
    this.#interToken = new Histogram({
      name: 'glm_inter_token_latency_seconds',
      help: 'Between one token of an answer and the next, on average over the answer.',
      buckets: INTER_TOKEN_BUCKETS,
      registers,
    })
    const tokens = (name: string, help: string) =>
      new Histogram({ name, help, buckets: TOKEN_BUCKETS, registers })
    this.#promptTokens = tokens(
      'glm_request_prompt_tokens',
      'Tokens read by a request, image tokens included.',
    )
    this.#generatedTokens = tokens('glm_request_generation_tokens', 'Tokens written by a request.')
    const stages = Object.entries(stageHelp).map(([name, help]) => [
      name,
      new Histogram({ name, help, buckets: STAGE_BUCKETS, registers }),
    ])
    this.#stages = Object.fromEntries(stages) as Record<Stage, Histogram> // one entry a stage
  }

  /** An answer's end, whoever asked for it. */
  answer({ reason, usage, timings }: AnswerEnd): void {
    this.#answers.inc({ finished_reason: reason })
    this.#promptTokens.observe(usage.promptTokens)
    this.#generatedTokens.observe(usage.completionTokens)
    const { fetchMs, queueMs, imageMs, visionMs, prefillMs, decodeMs, ttftMs } = timings
    const seconds: Readonly<Record<Stage, number>> = {
      glm_time_to_first_token_seconds: ttftMs / 1000,
      glm_e2e_request_latency_seconds: (queueMs + imageMs + visionMs + prefillMs + decodeMs) / 1000,
      glm_request_fetch_time_seconds: fetchMs / 1000,
      glm_request_queue_time_seconds: queueMs / 1000,
      glm_request_image_time_seconds: imageMs / 1000,
      glm_request_vision_time_seconds: visionMs / 1000,
      glm_request_prefill_time_seconds: prefillMs / 1000,
      glm_request_decode_time_seconds: decodeMs / 1000,
    }
    if (usage.completionTokens > 1) {
      this.#interToken.observe(decodeMs / 1000 / (usage.completionTokens - 1))
    }
    for (const [stage, value] of Object.entries(seconds)) this.#stages[stage as Stage].observe(value)
  }

  /** An HTTP request's end. `route` is the pattern, not the path: strangers must not make series. */
  request(method: string, route: string, status: number, error: string | null, durationMs: number): void {
    this.#requests.inc({ method, route, status })
    if (error !== null) this.#errors.inc({ code: error })
    this.#requestSeconds.observe({ route }, durationMs / 1000)
  }

  /** Everything, in Prometheus's text format, with the gauges as they are now. */
  async scrape(scene: Scene): Promise<{ contentType: string; text: string }> {
    for (const [reason, count] of Object.entries(scene.engine?.refusals ?? {})) {
      this.#refused.inc({ reason }, count - (this.#refusedSeen.get(reason) ?? 0))
      this.#refusedSeen.set(reason, count)
    }
    this.#gauge('glm_up', 'Whether the model answers.', scene.state === 'healthy' ? 1 : 0)
    if (scene.engine !== null) this.#engine(scene.engine)
    if (scene.jobs !== null) this.#jobs(scene.jobs)
    return { contentType: this.#registry.contentType, text: await this.#registry.metrics() }
  }

  #engine({ counters, ...stats }: EngineStats): void {
    this.#gauge('glm_num_requests_running', 'Requests that hold a slot.', stats.running)
    this.#gauge('glm_num_requests_waiting', 'Requests waiting for a slot.', stats.waiting)
    this.#gauge('glm_num_slots', 'KV slots.', stats.slots)
    this.#gauge('glm_kv_cache_usage_perc', "Share of the KV cache in use, 0 to 1 (vLLM's name).", stats.kvUse)
    this.#gauge('glm_image_cache_bytes', "Bytes of pictures' features kept.", stats.featureBytes)
    this.#gauge('glm_step_age_seconds', 'How long the step in flight runs.', (stats.stepAgeMs ?? 0) / 1000)
    this.#total('glm_prompt_tokens_total', 'Prompt tokens read.', counters.promptTokens)
    this.#total('glm_generation_tokens_total', 'Tokens written.', counters.generatedTokens)
    this.#total('glm_prefix_cache_queries_total', 'Prompts looked up in kept slots.', counters.prefixQueries)
    this.#total('glm_prefix_cache_hits_total', 'Prompts found there, in part or whole.', counters.prefixHits)
    this.#total('glm_image_cache_hits_total', 'Pictures whose features were kept.', stats.featureHits)
    this.#total('glm_image_cache_misses_total', 'Pictures that had to be encoded.', stats.featureMisses)
    this.#total('glm_requests_cancelled_total', 'Requests their callers left.', counters.cancelled)
    this.#total('glm_requests_expired_total', 'Requests that met their deadline.', counters.expired)
    this.#total('glm_requests_failed_total', 'Requests the model failed.', counters.failed)
    this.#total('glm_model_restarts_total', 'Times the model was started anew.', counters.restarts)
  }

  #jobs({ running, depths }: NonNullable<Scene['jobs']>): void {
    this.#gauge('glm_jobs_running', 'Jobs being run here.', running)
    this.#gauge('glm_redis_up', 'Whether the job queue answered this scrape.', depths === null ? 0 : 1)
    if (depths === null) return
    this.#gauge('glm_jobs_queued', 'Jobs not ended, of all backends.', depths.queued)
    this.#gauge('glm_jobs_retrying', 'Of them, jobs waiting for another try.', depths.retrying)
    this.#gauge('glm_jobs_dead', 'Dead letters.', depths.dead)
    this.#gauge(
      'glm_jobs_unsettled',
      'Ended jobs of the edge whose real count it does not have yet.',
      depths.unsettled,
    )
  }

  #gauge(name: string, help: string, value: number): void {
    const gauge = this.#gauges.get(name) ?? new Gauge({ name, help, registers: [this.#registry] })
    this.#gauges.set(name, gauge)
    gauge.set(value)
  }

  /** A total somebody else counts. */
  #total(name: string, help: string, value: number): void {
    const known = this.#counters.get(name) ?? {
      counter: new Counter({ name, help, registers: [this.#registry] }),
      seen: 0,
    }
    this.#counters.set(name, known)
    known.counter.inc(value - known.seen)
    known.seen = value
  }
}

const stageHelp = {
  glm_time_to_first_token_seconds: 'From submission to the first token.',
  glm_e2e_request_latency_seconds: 'A request in the engine, from submission to its end.',
  glm_request_fetch_time_seconds: 'Getting the pictures, before the engine is asked.',
  glm_request_queue_time_seconds: 'Waiting for a slot.',
  glm_request_image_time_seconds: 'Decoding and resizing the pictures.',
  glm_request_vision_time_seconds: 'Encoding the pictures.',
  glm_request_prefill_time_seconds: 'Reading the prompt, up to the first token.',
  glm_request_decode_time_seconds: 'Writing the rest of the answer.',
} as const

type Stage = keyof typeof stageHelp
