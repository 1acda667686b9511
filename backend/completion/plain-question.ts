import type { CompletionRequest, ImageInput } from './completion-request.ts'

/** One question about pictures, pictures first, answered greedily and without thinking: what the program itself asks. */
export function plainQuestion(prompt: string, images: readonly ImageInput[]) {
  return {
    messages: [
      {
        role: 'user',
        content: [...images.map(() => ({ type: 'image' as const })), { type: 'text', text: prompt }],
      },
    ],
    images,
    sampling: { temperature: 0 },
    maxTotalTokens: null,
    stop: [],
    thinking: false,
    tools: [],
    maxToolCalls: null,
    answers: 1,
    createConstraint: null,
    logprobs: null,
  } satisfies Partial<CompletionRequest>
}
