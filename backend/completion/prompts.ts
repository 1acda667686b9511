import { ApiError } from '../../shared/errors.ts'
import { shareImageTokens } from '../../shared/image-tokens.ts'
import type { PixelSize } from '../../shared/resize-rule.ts'
import { Bound } from '../bound.ts'
import type { ByteHold } from '../byte-budget.ts'
import type { Chat } from '../chat/chat.ts'
import type { PromptDraft } from '../chat/prompt-draft.ts'
import type { Prompt } from '../engine/request.ts'
import type { PreprocessorConfig } from '../model/model-config.ts'
import type { PatchPool } from '../vision/patch-pool.ts'
import {
  digestOf,
  type JudgeSize,
  type Picture,
  type PicturePlan,
  planPictures,
  resizeRuleOf,
} from '../vision/picture.ts'
import type { CompletionRequest } from './completion-request.ts'
import type { Intake } from './intake.ts'

export interface PromptsOptions {
  readonly chat: Chat
  readonly intake: Intake
  readonly patches: PatchPool
  readonly preprocessor: PreprocessorConfig
  /** Tokens of prompt and answer together. */
  readonly contextLength: number
  /** Image tokens of one request. */
  readonly maxImageTokens: number
  /** Requests read at once: each holds its pictures in memory, like one in the queue it is on the way to. */
  readonly maxReading: number
}

/** What of a request the prompt depends on. */
export type PromptRequest = Pick<
  CompletionRequest,
  'messages' | 'images' | 'tools' | 'thinking' | 'maxNewTokens' | 'promptParam' | 'signal'
>

export interface ReadyPrompt {
  readonly prompt: Prompt
  /** Whether the template has opened the reasoning. */
  readonly opensReasoning: boolean
  /** What getting the pictures took. */
  readonly fetchMs: number
}

export interface PromptCost {
  readonly textTokens: number
  /** Per picture, in order: as it would be read, or at its smallest when nothing else helps. */
  readonly images: readonly PicturePlan[]
  /** Whether the context holds it and an answer. */
  readonly fits: boolean
}

export const DEFAULT_MAX_NEW_TOKENS = 512
/** Detailed pictures shrink until at least this share of the context is left for the answer, if it asks for so much. */
const ANSWER_SHARE = 1 / 8
/** Texts this many times too long are not counted to their end: counting holds up everybody (32,768 tokens: 60 ms). */
const MOST_COUNTED = { contexts: 4, tokens: 32_768 } as const

/** From messages and pictures to tokens, by the model's template, tokenizer and rules for pictures. */
export class Prompts {
  readonly #options: PromptsOptions
  readonly #reading: Bound
  /** Apart, so that counting works while the server is as busy as it can be. */
  readonly #counting: Bound

  constructor(options: PromptsOptions) {
    this.#options = options
    this.#reading = new Bound(options.maxReading, 'too many requests are being read')
    this.#counting = new Bound(options.maxReading, 'too many requests are being counted')
  }

  /**
   * Everything but the pixels, which the engine loads when it needs them. What can be refused is refused in order of
   * cost: too long a text before any picture is fetched, too many image tokens as soon as the headers are there.
   * @param hold what the request keeps in memory until it ends
   * @throws {ApiError} what is wrong with the request.
   */
  read(request: PromptRequest, hold: ByteHold): Promise<ReadyPrompt> {
    return this.#reading.run(async () => {
      const { contextLength, preprocessor } = this.#options
      const { draft, pictures, room, fetchMs } = await this.#look(
        request,
        contextLength - 1,
        hold,
        judgeTogether,
      )
      const plans = planPictures(pictures, preprocessor, room)
      const expanded = draft.expand(plans.map(({ grid }) => grid))
      const { length } = expanded.tokens
      if (length >= contextLength) {
        const message = `the prompt has ${length} tokens; the context of ${contextLength} must hold it and an answer`
        throw new ApiError('context_length_exceeded', message, { param: request.promptParam })
      }
      const images = expanded.images.map((place, index) =>
        // one picture and one plan a place: the draft holds as many
        this.#promptImage(place, pictures[index] as Picture, plans[index] as PicturePlan),
      )
      return { prompt: { ...expanded, images }, opensReasoning: draft.opensReasoning, fetchMs }
    })
  }

  /**
   * The exact cost of a request, by the same rules, without running it; no picture is decoded.
   * @throws {ApiError} what is wrong with the request, but not that it is somewhat too long.
   */
  count(request: PromptRequest): Promise<PromptCost> {
    return this.#counting.run(async () => {
      const { contextLength, intake, preprocessor } = this.#options
      const most = Math.max(contextLength * MOST_COUNTED.contexts, MOST_COUNTED.tokens)
      const hold = intake.open()
      const { draft, pictures, room } = await this.#look(request, most, hold).finally(hold.release)
      const sizes = pictures.map(({ size }) => size)
      const costs = shareImageTokens(sizes, resizeRuleOf(preprocessor), room)
      const images = planPictures(pictures, preprocessor, costs.type === 'too_many' ? costs.least : room)
      const promptTokens = images.reduce((sum, { tokens }) => sum + tokens, draft.textTokens)
      const fits = costs.type === 'fits' && promptTokens < contextLength
      return { textTokens: draft.textTokens, images, fits }
    })
  }

  /** Room for what a request keeps in memory, to be released when it ends. */
  open(): ByteHold {
    return this.#options.intake.open()
  }

  async #look(
    request: PromptRequest,
    maxTokens: number,
    hold: ByteHold,
    judgeFor?: typeof judgeTogether,
  ): Promise<Look> {
    const { chat, intake, preprocessor } = this.#options
    const { messages, tools, thinking, promptParam: param, signal } = request
    const draft = chat.draft({ messages, tools, thinking, maxTokens, param })
    const room = this.#imageTokenRoom(request, draft.textTokens)
    const startMs = performance.now()
    const pictures = await intake.read(request.images, hold, signal, judgeFor?.(preprocessor, room))
    const fetchMs = performance.now() - startMs
    return { draft, pictures, room, fetchMs }
  }

  #imageTokenRoom({ maxNewTokens }: PromptRequest, textTokens: number): number {
    const { contextLength, maxImageTokens } = this.#options
    const answer = Math.min(maxNewTokens ?? DEFAULT_MAX_NEW_TOKENS, Math.floor(contextLength * ANSWER_SHARE))
    return Math.min(maxImageTokens, Math.max(0, contextLength - textTokens - answer))
  }

  #promptImage(place: { offset: number; count: number }, picture: Picture, plan: PicturePlan) {
    const { patches, preprocessor } = this.#options
    return {
      ...place,
      digest: digestOf(picture, plan, preprocessor),
      load: (signal: AbortSignal) => patches.prepare(picture, plan, preprocessor, signal),
    }
  }
}

/** Refuses as soon as the pictures whose sizes are known take more than there is room for, even at their smallest. */
function judgeTogether(preprocessor: PreprocessorConfig, room: number): JudgeSize {
  const known: { readonly size: PixelSize; readonly param: string }[] = []
  return (size, param) => {
    known.push({ size, param })
    planPictures(known, preprocessor, room)
  }
}

interface Look {
  readonly draft: PromptDraft
  readonly pictures: readonly Picture[]
  /** Image tokens the pictures may take together. */
  readonly room: number
  readonly fetchMs: number
}
