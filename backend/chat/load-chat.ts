import { z } from 'zod'
import { chatTemplateFiles, readChatTemplate } from '../model/chat-template.ts'
import { ModelFolderError } from '../model/model-folder-error.ts'
import { readJson, readOptionalJson } from '../model/read-json.ts'
import { readModelConfig } from '../model/read-model-config.ts'
import { Chat } from './chat.ts'
import { ChatTemplate, type TemplateSource } from './chat-template.ts'
import { checkTemplate } from './check-template.ts'
import { Tokenizer } from './tokenizer.ts'
import { tokenizerFileName, tokenizerSchema } from './tokenizer-file.ts'

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
  if (!file.added_tokens.some(({ id }) => id === config.tokens.image)) {
    throw new ModelFolderError(tokenizerFileName, `added_tokens: has no image token ${config.tokens.image}`)
  }
  const template = readTemplate({
    source: await readChatTemplate(modelDir),
    constants: Object.fromEntries(Object.entries(named ?? {}).flatMap(presentToken)),
    tokens: new Map(file.added_tokens.map(({ content, id }) => [content, id])),
  })
  return new Chat({
    tokenizer: new Tokenizer(file),
    template,
    imageToken: config.tokens.image,
    mergeSize: config.preprocessor.mergeSize,
  })
}

function readTemplate(source: TemplateSource): ChatTemplate {
  let template: ChatTemplate
  try {
    template = new ChatTemplate(source)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new ModelFolderError(chatTemplateFiles.jinja, `does not parse: ${reason}`, { cause: error })
  }
  checkTemplate(template, chatTemplateFiles.jinja)
  return template
}

function presentToken([name, token]: [string, string | null | undefined]): [string, string][] {
  return typeof token === 'string' ? [[name, token]] : []
}
