import { ModelFolderError } from '../model/model-folder-error.ts'
import type { ChatTemplate } from './chat-template.ts'
import type { ChatMessage, ToolDefinition } from './messages.ts'
import { type Conversation, templateVariables } from './template-variables.ts'

const tool: ToolDefinition = {
  type: 'function',
  function: { name: 'probe', description: 'A probe.', parameters: { type: 'object', properties: {} } },
}

const turns: readonly ChatMessage[] = [
  { role: 'system', content: 'probe' },
  { role: 'user', content: [{ type: 'image' }, { type: 'text', text: 'probe' }] },
  { role: 'assistant', content: 'probe', reasoning: 'probe' },
  { role: 'user', content: 'probe' },
]

const toolTurns: readonly ChatMessage[] = [
  ...turns,
  { role: 'assistant', content: '', toolCalls: [{ id: '1', name: 'probe', arguments: '{"probe":1}' }] },
  { role: 'tool', content: 'probe', toolCallId: '1' },
]

const probes: readonly Conversation[] = [null, false, true].flatMap((thinking) => [
  { messages: turns.slice(1, 2), tools: [], thinking },
  { messages: turns, tools: [], thinking },
  { messages: toolTurns, tools: [tool], thinking },
])

/**
 * Makes sure that a template spells its special tokens in one piece. One that puts them together (`'<|' + role + '|>'`)
 * cannot be told from callers who do the same, and would silently lose its markup.
 * @throws ModelFolderError when it does
 */
export function checkTemplate(template: ChatTemplate, file: string): void {
  for (const probe of probes) {
    const variables = templateVariables(probe)
    const rendered = attempt(() => template.render(variables))
    const trusting = attempt(() => template.renderTrusting(variables))
    if (JSON.stringify(rendered) === JSON.stringify(trusting)) continue
    throw new ModelFolderError(file, 'puts special tokens together out of pieces: spell them whole')
  }
}

/** Whether the template shows the model its tools. One that does not renders the same with them and without. */
export function showsTools(template: ChatTemplate): boolean {
  const conversation = { messages: turns.slice(1, 2), thinking: null }
  const [without, shown] = [[], [tool]].map((tools) =>
    attempt(() => template.render(templateVariables({ ...conversation, tools }))),
  )
  return shown !== null && JSON.stringify(shown) !== JSON.stringify(without)
}

/** A template may refuse a conversation; that is an answer too. */
function attempt<T>(render: () => T): T | null {
  try {
    return render()
  } catch {
    return null
  }
}
