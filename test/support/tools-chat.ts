import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Chat } from '../../backend/chat/chat.ts'
import { ChatTemplate } from '../../backend/chat/chat-template.ts'
import { Tokenizer } from '../../backend/chat/tokenizer.ts'
import { tokenizerSchema } from '../../backend/chat/tokenizer-file.ts'

const fixtures = join(import.meta.dirname, '../fixtures')

/** The fixtures' `tokenizer.json`, parsed afresh. */
export function tokenizerJson() {
  return JSON.parse(readFileSync(join(fixtures, 'glm4v-random/tokenizer.json'), 'utf8'))
}

const tokenizerFile = tokenizerSchema.parse(tokenizerJson())
export const tokenizer = new Tokenizer(tokenizerFile)

/** Every added token, by spelling. */
export const addedTokens = new Map(tokenizerFile.added_tokens.map(({ content, id }) => [content, id]))

/** A template that does everything GLM's does: tools, reasoning, endings looked for. */
export const toolsTemplate = readFileSync(join(fixtures, 'templates/glm-tools.jinja'), 'utf8').trimEnd()

export function chatWith(source: string): Chat {
  return new Chat({
    tokenizer,
    template: new ChatTemplate({ source, constants: {}, tokens: addedTokens }),
    imageToken: addedTokens.get('<|image|>') ?? -1,
    mergeSize: 2,
  })
}

export function textOf(tokens: readonly number[]): string {
  return Buffer.concat(tokens.map((token) => tokenizer.bytes(token))).toString()
}
