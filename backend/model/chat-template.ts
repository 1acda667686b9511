import { z } from 'zod'
import { ModelFolderError } from './model-folder-error.ts'
import { readOptionalJson, readOptionalText } from './read-json.ts'

/** Where a folder may keep its chat template, the first found wins (the reference's own order). */
export const chatTemplateFiles = {
  jinja: 'chat_template.jinja',
  json: 'chat_template.json',
  tokenizerConfig: 'tokenizer_config.json',
} as const

const named = z.array(z.object({ name: z.string(), template: z.string() }))
const schema = z.object({ chat_template: z.union([z.string(), named]).nullish() })

/**
 * The Jinja source of the model's chat template.
 * @throws ModelFolderError when the folder has none.
 */
export async function readChatTemplate(dir: string): Promise<string> {
  const jinja = await readOptionalText(dir, chatTemplateFiles.jinja)
  if (jinja !== null) return jinja
  for (const name of [chatTemplateFiles.json, chatTemplateFiles.tokenizerConfig]) {
    const template = (await readOptionalJson(dir, name, schema))?.chat_template
    if (typeof template === 'string') return template
    const fallback = template?.find((entry) => entry.name === 'default') ?? template?.[0]
    if (fallback !== undefined) return fallback.template
  }
  throw new ModelFolderError(
    chatTemplateFiles.jinja,
    `is missing in ${dir}, and tokenizer_config.json holds no template`,
  )
}
