import type { Plugin } from '../../../backend/plugins/plugin.ts'

/** Puts what the model says about the pictures before the question; drops the pictures where it is told so. */
export const plugin: Plugin = {
  prepareRequest: async ({ messages, images }, { ask }) => {
    const question = JSON.stringify(messages)
    if (question.includes('not this')) return { refuse: 'not this question' }
    if (question.includes('unbalanced')) return { messages, images: [] }
    const seen = await ask({ prompt: 'What is it?', images })
    return { messages: [{ role: 'user', content: `It is ${seen}. And now?` }], images: [] }
  },
}
