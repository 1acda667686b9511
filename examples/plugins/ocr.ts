import type { HookTools, Plugin, PluginImage, PluginRequest } from '../../backend/plugins/plugin.ts'

/** The OCR step: the text of one picture, empty if there is none. Put your own here. */
export type ReadText = (image: PluginImage, tools: HookTools) => Promise<string>

/** This one asks the served model; the one that ships reads short texts. */
const askTheModel: ReadText = (image, { ask }) =>
  ask({ prompt: 'Transcribe the text.', images: [image], maxNewTokens: 256 })

/** Adds the text of every picture to the last question. */
export function createOcr(readText: ReadText): Plugin {
  return {
    prepareRequest: async (request, tools) => {
      if (request.images.length === 0) return null
      const texts = await Promise.all(request.images.map((image) => readText(image, tools)))
      const found = texts.flatMap((text, index) =>
        text.trim() === '' ? [] : [`Text found in picture ${index + 1}:\n${text.trim()}`],
      )
      return found.length === 0 ? null : withText(request, `\n\n${found.join('\n\n')}`)
    },
  }
}

function withText({ messages, images }: PluginRequest, text: string): PluginRequest {
  const last = messages.findLastIndex(({ role }) => role === 'user')
  const added = messages.map((message, index) => {
    if (index !== last) return message
    const { content } = message
    const parts = typeof content === 'string' ? [{ type: 'text' as const, text: content }] : content
    return { ...message, content: [...parts, { type: 'text' as const, text }] }
  })
  return { messages: added, images }
}

export const plugin = createOcr(askTheModel)
