import { randomInt } from 'node:crypto'
import { ApiError } from '../shared/errors.ts'
import { AnswerText } from './chat/answer-text.ts'
import type { Chat } from './chat/chat.ts'
import type { CompletionEvent, CompletionRequest, SamplingRequest, TokenText } from './completion-request.ts'
import type { Engine } from './engine/engine.ts'
import type { Prompt, SamplingOptions } from './engine/request.ts'
import type { Intake } from './intake.ts'
import type { ModelConfig } from './model/model-config.ts'
import type { PatchPool } from './vision/patch-pool.ts'
import { digestOf, type Picture, planPictures } from './vision/picture.ts'

export interface CompletionsOptions {
  readonly model: ModelConfig
  readonly chat: Chat
  readonly engine: Engine
  readonly intake: Intake
  readonly patches: PatchPool
  /** Tokens of prompt and answer together. */
  readonly contextLength: number
  /** Image tokens of one request. */
  readonly maxImageTokens: number
  readonly maxQueue: number
}

interface TakenIn {
  readonly prompt: Prompt
  /** Whether the template has opened the reasoning. */
  readonly opensReasoning: boolean
}

const DEFAULT_MAX_NEW_TOKENS = 512
const DEFAULT_TEMPERATURE = 0.7
/** Detailed pictures shrink until at least this share of the context is left for the answer, if it asks for so much. */
const ANSWER_SHARE = 1 / 8

/** From messages and pictures to clean text: the whole way of a request behind HTTP, jobs and the command line. */
export class Completions {
  readonly #options: CompletionsOptions
  #takingIn = 0

  constructor(options: CompletionsOptions) {
    this.#options = options
  }

  /**
   * Events as the model writes. What can be refused is refused in order of cost: a full queue and too long a text
   * before any picture is fetched, too many image tokens from the headers, before any picture is decoded.
   * @throws {ApiError} on the first iteration, what is wrong with the request; later, what went wrong with it.
   */
  async *run(request: CompletionRequest): AsyncGenerator<CompletionEvent> {
    const { chat, engine, model } = this.#options
    engine.checkRoom(request.callerId)
    const { prompt, opensReasoning } = await this.#takeIn(request)
    const room = this.#options.contextLength - prompt.tokens.length
    const generation = engine.submit({
      id: request.id,
      caller: { id: request.callerId, deadlineMs: request.deadlineMs },
      prompt,
      sampling: samplingOptions(request, model),
      maxNewTokens: Math.min(request.maxNewTokens ?? DEFAULT_MAX_NEW_TOKENS, room),
      stopTokens: model.tokens.eos,
      constraint: request.constraint,
      signal: request.signal,
    })
    const { stop, thinking, tools } = request
    const text = new AnswerText({ tokenizer: chat.tokenizer, stop, thinking, tools, opensReasoning })
    let stopped = false
    for await (const event of generation) {
      if (event.type === 'finish') {
        yield { type: 'delta', ...text.end(event.reason === 'length'), logprobs: [] }
        yield event
      } else if (!stopped) {
        const delta = text.push(event.token)
        stopped = delta.stopped
        if (stopped) generation.stop()
        const shown = delta.part === 'content' && event.logprobs !== null
        const logprobs: TokenText[] = shown ? [{ token: event.token, logprobs: event.logprobs }] : []
        yield { type: 'delta', ...delta, logprobs }
      }
    }
  }

  /** Exact tokens of a request, without running it. @throws {ApiError} what is wrong with it. */
  async count(request: CompletionRequest): Promise<{ promptTokens: number; imageTokens: number }> {
    const { prompt } = await this.#takeIn(request)
    const imageTokens = prompt.images.reduce((sum, { count }) => sum + count, 0)
    return { promptTokens: prompt.tokens.length, imageTokens }
  }

  /** Requests being taken in hold their pictures in memory: they are as bounded as the queue they are on the way to. */
  async #takeIn(request: CompletionRequest): Promise<TakenIn> {
    if (this.#takingIn >= this.#options.maxQueue) {
      throw new ApiError('queue_full', 'too many requests are being read', { retryAfterS: 1 })
    }
    this.#takingIn += 1
    try {
      return await this.#prompt(request)
    } finally {
      this.#takingIn -= 1
    }
  }

  async #prompt(request: CompletionRequest): Promise<TakenIn> {
    const { chat, contextLength, intake, patches, model } = this.#options
    const { messages, tools, thinking, promptParam: param, signal } = request
    const draft = chat.draft({ messages, tools, thinking, maxTokens: contextLength - 1, param })
    const pictures = await intake.read(request.images, signal)
    const plans = planPictures(pictures, model.preprocessor, this.#imageTokenRoom(request, draft.textTokens))
    const expanded = draft.expand(plans.map(({ grid }) => grid))
    if (expanded.tokens.length >= contextLength) throw tooLong(expanded.tokens.length, contextLength, param)
    const images = expanded.images.map((place, index) => {
      const picture = pictures[index] as Picture // one a place: the draft holds as many
      const plan = plans[index] as (typeof plans)[number]
      return {
        ...place,
        digest: digestOf(picture, plan, model.preprocessor),
        load: (loading: AbortSignal) => patches.prepare(picture, plan, model.preprocessor, loading),
      }
    })
    return { prompt: { ...expanded, images }, opensReasoning: draft.opensReasoning }
  }

  #imageTokenRoom({ maxNewTokens }: CompletionRequest, textTokens: number): number {
    const { contextLength, maxImageTokens } = this.#options
    const answer = Math.min(maxNewTokens ?? DEFAULT_MAX_NEW_TOKENS, Math.floor(contextLength * ANSWER_SHARE))
    return Math.min(maxImageTokens, Math.max(0, contextLength - textTokens - answer))
  }
}

function tooLong(length: number, contextLength: number, param: string): ApiError {
  const message = `the prompt has ${length} tokens; the context of ${contextLength} must hold it and an answer`
  return new ApiError('context_length_exceeded', message, { param })
}

/** What the request leaves open the model's generation_config decides, then the product's defaults. */
function samplingOptions(
  { sampling, logprobs }: CompletionRequest,
  { generation }: ModelConfig,
): SamplingOptions {
  const given: SamplingRequest = sampling
  return {
    temperature: given.temperature ?? (generation.doSample === false ? 0 : DEFAULT_TEMPERATURE),
    topP: given.topP ?? generation.topP ?? 1,
    topK: given.topK ?? generation.topK ?? 0,
    repetitionPenalty: given.repetitionPenalty ?? generation.repetitionPenalty ?? 1,
    presencePenalty: given.presencePenalty ?? 0,
    frequencyPenalty: given.frequencyPenalty ?? 0,
    seed: given.seed ?? randomInt(2 ** 31),
    logprobs,
  }
}
