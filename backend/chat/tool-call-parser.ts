import { argumentValue } from './argument-value.ts'
import type { ToolDefinition } from './messages.ts'

/** A piece of a tool call. The first of a call carries its name; all `arguments` joined are the JSON text. */
export interface ToolCallDelta {
  readonly index: number
  readonly name?: string
  readonly arguments: string
}

export const toolMarkup = [
  '<tool_call>',
  '</tool_call>',
  '<arg_key>',
  '</arg_key>',
  '<arg_value>',
  '</arg_value>',
] as const

export type ToolMarkup = (typeof toolMarkup)[number]

interface OpenCall {
  readonly index: number
  /** null: still being written. */
  name: string | null
  key: string
  arguments: number
}

/** Reads GLM's tool calls: `<tool_call>name`, then keys and values between their own tokens, then `</tool_call>`. */
export class ToolCallParser {
  readonly #schemas: ReadonlyMap<string, unknown>
  #call: OpenCall | null = null
  /** Calls begun so far. */
  #count = 0
  /** Text since the last markup. */
  #text = ''

  constructor(tools: readonly ToolDefinition[]) {
    this.#schemas = new Map(tools.map((tool) => [tool.function.name, tool.function.parameters]))
  }

  /** Calls the model has made so far. */
  get count(): number {
    return this.#count
  }

  /** Whether text belongs to a call. */
  get open(): boolean {
    return this.#call !== null
  }

  text(text: string) {
    this.#text += text
  }

  markup(token: ToolMarkup): ToolCallDelta[] {
    const text = this.#text
    this.#text = ''
    const deltas = token === '<tool_call>' ? this.#close('') : this.#nameIfOpen(text)
    const call = this.#call
    if (token === '<tool_call>') this.#call = { index: this.#count, name: null, key: '', arguments: 0 }
    else if (token === '</tool_call>') deltas.push(...this.#close(text))
    else if (token === '</arg_key>' && call !== null) call.key = text.trim()
    else if (token === '</arg_value>' && call !== null) deltas.push(this.#argument(call, text))
    return deltas
  }

  /** The model has ended its turn: a call it left open is complete all the same. */
  end(): ToolCallDelta[] {
    return this.#close(this.#text)
  }

  /** A call's name ends where its first argument, or the call's end, begins. A call without a name is none. */
  #nameIfOpen(text: string): ToolCallDelta[] {
    const call = this.#call
    if (call === null || call.name !== null) return []
    const name = text.trim()
    if (name === '') {
      this.#call = null
      return []
    }
    call.name = name
    this.#count++
    return [{ index: call.index, name, arguments: '' }]
  }

  #argument(call: OpenCall, text: string): ToolCallDelta {
    const schema = propertySchema(this.#schemas.get(call.name ?? ''), call.key)
    const pair = `${JSON.stringify(call.key)}:${JSON.stringify(argumentValue(text, schema))}`
    return { index: call.index, arguments: `${call.arguments++ === 0 ? '{' : ','}${pair}` }
  }

  #close(text: string): ToolCallDelta[] {
    const named = this.#nameIfOpen(text)
    const call = this.#call
    this.#call = null
    if (call === null) return named
    return [...named, { index: call.index, arguments: call.arguments === 0 ? '{}' : '}' }]
  }
}

function propertySchema(parameters: unknown, key: string): unknown {
  if (typeof parameters !== 'object' || parameters === null || !('properties' in parameters)) return undefined
  const { properties } = parameters
  if (typeof properties !== 'object' || properties === null || !Object.hasOwn(properties, key))
    return undefined
  return (properties as Record<string, unknown>)[key] // an own key, checked above
}
