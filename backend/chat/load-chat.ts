import { z } from 'zod'
import { readChatTemplate } from '../model/chat-template.ts'
import { ModelFolderError } from '../model/model-folder-error.ts'
import { readJson, readOptionalJson } from '../model/read-json.ts'
import { readModelConfig } from '../model/read-model-config.ts'
import { Chat } from './chat.ts'
import { ChatTemplate } from './chat-template.ts'
import { Tokenizer, tokenizerFileName } from './tokenizer.ts'
import { tokenizerSchema } from './tokenizer-file.ts'

const token = z.union([z.string(), z.object({ content: z.string() }).transform(({ content }) => content)])

/** The tokens a template may name as variables. */
const tokenizerConfigSchema = z.object({
  bos_token: token.nullish(),
  eos_token: token.nullish(),
  pad_token: token.nullish(),
  unk_token: token.nullish(),
})

/**
 * Reads what a model folder says of prompts: tokenizer, chat template, image token.
 * @throws ModelFolderError with one line that names the file at fault
 */
export async function loadChat(modelDir: string): Promise<Chat> {
  const config = await readModelConfig(modelDir)
  const file = await readJson(modelDir, tokenizerFileName, tokenizerSchema)
  const named = await readOptionalJson(modelDir, 'tokenizer_config.json', tokenizerConfigSchema)
  const source = await readChatTemplate(modelDir)
  const tokenizer = new Tokenizer(file)
  const imageToken = file.added_tokens.find(({ id }) => id === config.tokens.image)
  if (imageToken === undefined) {
    throw new ModelFolderError(tokenizerFileName, `added_tokens: has no image token ${config.tokens.image}`)
  }
  const constants = Object.entries(named ?? {}).filter(([, value]) => typeof value === 'string')
  return new Chat({
    tokenizer,
    template: new ChatTemplate(
      source,
      Object.fromEntries(constants) as Record<string, string>, // the filter above leaves only strings
      new Map(file.added_tokens.map(({ content, id }) => [content, id])),
    ),
    imageToken: config.tokens.image,
    mergeSize: config.preprocessor.mergeSize,
  })
}
