import { randomInt } from 'node:crypto'
import { ApiError } from '../../shared/errors.ts'
import { AnswerText } from '../chat/answer-text.ts'
import type { Tokenizer } from '../chat/tokenizer.ts'
import type { Engine } from '../engine/engine.ts'
import type { Generation, SamplingOptions } from '../engine/request.ts'
import type { ModelConfig } from '../model/model-config.ts'
import type { CompletionEvent, CompletionRequest, TokenText } from './completion-request.ts'
import { merge } from './merge.ts'
import {
  DEFAULT_MAX_NEW_TOKENS,
  type PromptCost,
  type PromptRequest,
  type Prompts,
  type ReadyPrompt,
} from './prompts.ts'

export interface CompletionsOptions {
  readonly model: ModelConfig
  readonly tokenizer: Tokenizer
  readonly engine: Engine
  readonly prompts: Prompts
  /** Tokens of prompt and answer together. */
  readonly contextLength: number
  /** Told of every answer's end, for the metrics. */
  readonly onFinish: (end: AnswerEnd) => void
}

export type AnswerEnd = Extract<CompletionEvent, { type: 'finish' }>

const DEFAULT_TEMPERATURE = 0.7
const SEEDS = 2 ** 31

/** From messages and pictures to clean text: the whole way of a request behind HTTP, jobs and the command line. */
export class Completions {
  readonly #options: CompletionsOptions

  constructor(options: CompletionsOptions) {
    this.#options = options
  }

  /**
   * Events as the model writes; every answer ends with its `finish`. A full queue is refused before anything is read.
   * @throws {ApiError} on the first iteration, what is wrong with the request; later, what went wrong with it.
   */
  async *run(request: CompletionRequest): AsyncGenerator<CompletionEvent> {
    const { prompts } = this.#options
    this.checkRoom(request.callerId)
    const hold = prompts.open()
    const leave = new AbortController()
    const signal = AbortSignal.any([request.signal, leave.signal])
    try {
      const ready = await prompts.read(request, hold)
      const generations = this.#submit({ ...request, signal }, ready)
      yield* merge(generations.map((generation, index) => this.#answer(request, ready, generation, index)))
    } finally {
      leave.abort() // whatever ends one answer early ends them all
      hold.release()
    }
  }

  /** Refuses before anything is done for a request that the queue has no room for. @throws {ApiError} `queue_full`, … */
  checkRoom(callerId: string): void {
    this.#options.engine.checkRoom(callerId)
  }

  /** What a request costs, without running it. @throws {ApiError} what is wrong with it. */
  count(request: PromptRequest): Promise<PromptCost> {
    return this.#options.prompts.count(request)
  }

  #submit(request: CompletionRequest, { prompt }: ReadyPrompt): Generation[] {
    const { engine, model } = this.#options
    const room = this.#room(request, prompt.tokens.length)
    const sampling = samplingOptions(request, model)
    return Array.from({ length: request.answers }, (_, index) => {
      const constraint = request.createConstraint?.() ?? null
      try {
        return engine.submit({
          id: request.answers === 1 ? request.id : `${request.id}-${index}`,
          caller: { id: request.callerId, deadlineMs: request.deadlineMs },
          prompt,
          sampling: { ...sampling, seed: sampling.seed + index },
          maxNewTokens: Math.min(request.maxNewTokens ?? DEFAULT_MAX_NEW_TOKENS, room),
          stopTokens: model.tokens.eos,
          constraint,
          signal: request.signal,
        })
      } catch (error) {
        constraint?.close() // the engine closes those it took
        throw error
      }
    })
  }

  /** Tokens one answer may have. */
  #room({ answers, maxTotalTokens, promptParam }: CompletionRequest, promptTokens: number): number {
    const context = this.#options.contextLength - promptTokens
    if (maxTotalTokens === null) return context
    const reserved = Math.floor((maxTotalTokens - promptTokens) / answers)
    if (reserved >= 1) return Math.min(context, reserved)
    const message = `the prompt has ${promptTokens} tokens, which leaves nothing of the ${maxTotalTokens} reserved for this request`
    throw new ApiError('context_length_exceeded', message, { param: promptParam })
  }

  async *#answer(
    { stop, thinking, tools, maxToolCalls }: CompletionRequest,
    { opensReasoning, prompt, fetchMs }: ReadyPrompt,
    generation: Generation,
    index: number,
  ): AsyncGenerator<CompletionEvent> {
    const { tokenizer } = this.#options
    const promptTokens = prompt.tokens.length
    const text = new AnswerText({ tokenizer, stop, thinking, tools, opensReasoning })
    const wanted = (call: { index: number }) => maxToolCalls === null || call.index < maxToolCalls
    let stopped = false
    for await (const event of generation) {
      if (event.type === 'finish') {
        const { content, reasoning, toolCalls } = text.end(event.reason === 'length')
        const last = { content, reasoning, toolCalls: toolCalls.filter(wanted), logprobs: [] }
        yield { type: 'delta', index, promptTokens, ...last }
        const end: AnswerEnd = { ...event, index, timings: { ...event.timings, fetchMs } }
        this.#options.onFinish(end)
        yield end
      } else if (!stopped) {
        const { content, reasoning, ...delta } = text.push(event.token)
        const toolCalls = delta.toolCalls.filter(wanted)
        stopped = delta.stopped || toolCalls.length < delta.toolCalls.length
        if (stopped) generation.stop()
        const shown = delta.part === 'content' && event.logprobs !== null
        const logprobs: TokenText[] = shown ? [{ token: event.token, logprobs: event.logprobs }] : []
        yield { type: 'delta', index, promptTokens, content, reasoning, toolCalls, logprobs }
      }
    }
  }
}

/** What the request leaves open the model's generation_config decides, then the product's defaults. */
function samplingOptions(
  { sampling: given, logprobs }: CompletionRequest,
  { generation }: ModelConfig,
): SamplingOptions {
  return {
    temperature: given.temperature ?? (generation.doSample === false ? 0 : DEFAULT_TEMPERATURE),
    topP: given.topP ?? generation.topP ?? 1,
    topK: given.topK ?? generation.topK ?? 0,
    repetitionPenalty: given.repetitionPenalty ?? generation.repetitionPenalty ?? 1,
    presencePenalty: given.presencePenalty ?? 0,
    frequencyPenalty: given.frequencyPenalty ?? 0,
    seed: given.seed ?? randomInt(SEEDS),
    logprobs,
  }
}
