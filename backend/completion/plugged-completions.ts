import type { PluginImage, Question } from '../plugins/plugin.ts'
import type { HookOptions, Plugins } from '../plugins/plugins.ts'
import { AnswerDraft, collectAnswers } from './collect-answer.ts'
import type { CompletionEvent, CompletionRequest, ImageInput } from './completion-request.ts'
import type { Completions } from './completions.ts'
import { plainQuestion } from './plain-question.ts'
import type { PromptCost, PromptRequest } from './prompts.ts'

type Delta = Extract<CompletionEvent, { type: 'delta' }>
type Finish = Extract<CompletionEvent, { type: 'finish' }>

/** The way of a request with plug-ins before and after it. */
export class PluggedCompletions {
  readonly #completions: Completions
  readonly #plugins: Plugins

  constructor(completions: Completions, plugins: Plugins) {
    this.#completions = completions
    this.#plugins = plugins
  }

  /**
   * As `Completions.run`; where a plug-in finishes texts nothing of an answer comes before it has decided.
   * @throws {ApiError} and `plugin_refused`, `plugin_error`.
   */
  async *run(request: CompletionRequest): AsyncGenerator<CompletionEvent> {
    this.#completions.checkRoom(request.callerId)
    const prepared = this.#plugins.has('prepareRequest') ? await this.#prepare(request) : request
    const events = this.#completions.run(prepared)
    yield* this.#plugins.has('finishText') ? this.#finish(request, events) : events
  }

  /** What a request costs as it was sent: `prepareRequest`, which may run the model, is not called. */
  count(request: PromptRequest): Promise<PromptCost> {
    return this.#completions.count(request)
  }

  async #prepare(request: CompletionRequest): Promise<CompletionRequest> {
    const { messages, images } = await this.#plugins.prepareRequest(
      { messages: request.messages, images: request.images.map(withoutParam) },
      { ...this.#hookOptions(request), param: request.promptParam },
    )
    const params = images.map((_, index) => request.images[index]?.param ?? request.promptParam)
    return {
      ...request,
      messages,
      images: images.map((image, index) => withParam(image, params[index] ?? '')),
    }
  }

  async *#finish(
    request: CompletionRequest,
    events: AsyncIterable<CompletionEvent>,
  ): AsyncGenerator<CompletionEvent> {
    const held = new Map<number, Delta[]>()
    for await (const event of events) {
      const deltas = held.get(event.index) ?? []
      held.set(event.index, deltas)
      if (event.type === 'delta') deltas.push(event)
      else {
        held.delete(event.index)
        yield* await this.#finished(request, deltas, event)
        yield event
      }
    }
  }

  async #finished(
    request: CompletionRequest,
    deltas: readonly Delta[],
    finish: Finish,
  ): Promise<readonly Delta[]> {
    const draft = new AnswerDraft()
    for (const delta of deltas) draft.add(delta)
    const { content, reasoning, toolCalls } = draft.fields()
    const answer = {
      content,
      reasoning,
      toolCalls,
      finishReason: finish.reason,
      streaming: request.streaming,
    }
    const finished = await this.#plugins.finishText(answer, this.#hookOptions(request))
    if (finished === answer) return deltas
    return [
      {
        type: 'delta',
        index: finish.index,
        promptTokens: finish.usage.promptTokens,
        content: finished.content,
        reasoning: finished.reasoning,
        toolCalls: deltas.flatMap((delta) => delta.toolCalls),
        logprobs: [],
      },
    ]
  }

  #hookOptions(request: CompletionRequest): HookOptions {
    return { signal: request.signal, ask: (question, signal) => this.#ask(request, question, signal) }
  }

  /** A question of a plug-in's own. It is no part of what the caller is told it used. */
  async #ask(request: CompletionRequest, question: Question, signal: AbortSignal): Promise<string> {
    const { prompt, images = [], maxNewTokens = null } = question
    const events = this.#completions.run({
      id: `${request.id}-ask`,
      callerId: request.callerId,
      deadlineMs: request.deadlineMs,
      ...plainQuestion(
        prompt,
        images.map((image) => withParam(image, request.promptParam)),
      ),
      maxNewTokens,
      streaming: false,
      promptParam: request.promptParam,
      signal,
    })
    return (await collectAnswers(events))[0]?.content ?? ''
  }
}

function withoutParam({ param: _, ...image }: ImageInput): PluginImage {
  return image
}

function withParam(image: PluginImage, param: string): ImageInput {
  return { ...image, param }
}
