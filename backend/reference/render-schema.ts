import { html } from 'hono/html'
import type { OpenApiDocument } from '../http/openapi-document.ts'

export type Schema = NonNullable<NonNullable<OpenApiDocument['components']>['schemas']>[string]
export type Html = ReturnType<typeof html>
type Named = Exclude<Schema, { $ref: string }>

/** A schema as people read it: the fields of an object as a table, anything else as its type in words. */
export function renderSchema(schema: Schema): Html {
  if ('$ref' in schema) return html`<p>${typeName(schema)}</p>`
  if (schema.oneOf !== undefined) return renderChoices(schema.oneOf)
  const fields = Object.entries<Schema>(schema.properties ?? {})
  if (fields.length === 0) return html`<p>${typeName(schema)}</p>`
  const required = new Set(schema.required)
  return html`<table>
    <thead><tr><th>Field</th><th>Type</th><th></th></tr></thead>
    <tbody>${fields.map(([name, field]) => renderField(name, field, required.has(name)))}</tbody>
  </table>`
}

function renderChoices(choices: readonly Schema[]): Html {
  return html`${choices.map((choice, index) => html`<p>${index === 0 ? 'One of:' : 'Or:'}</p>${renderSchema(choice)}`)}`
}

function renderField(name: string, field: Schema, required: boolean): Html {
  const { description = '' } = '$ref' in field ? {} : field
  const inner = objectsIn(field)
  return html`<tr>
    <td><code>${name}</code>${required ? html` <small class="required">required</small>` : ''}</td>
    <td>${typeName(field)}</td>
    <td>${renderText(description)}</td>
  </tr>${inner.length === 0 ? '' : html`<tr><td class="inner" colspan="3">${inner.map(renderSchema)}</td></tr>`}`
}

/** Objects spelled out in place; named ones have their own section. */
function objectsIn(schema: Schema): Schema[] {
  if ('$ref' in schema) return []
  if (schema.properties !== undefined) return [schema]
  const items = schema.items === undefined ? [] : objectsIn(schema.items)
  return [...items, ...[...(schema.oneOf ?? []), ...(schema.anyOf ?? [])].flatMap(objectsIn)]
}

/** `integer 1–20 or null`, `array of ChatMessage`: links where the schema has a name. */
export function typeName(schema: Schema): Html {
  if ('$ref' in schema) {
    const name = schema.$ref.split('/').at(-1) ?? ''
    return html`<a href="#schema-${name}">${name}</a>`
  }
  if (schema.enum !== undefined)
    return joined(schema.enum.map((value) => html`<code>${JSON.stringify(value)}</code>`))
  const choices = schema.oneOf ?? schema.anyOf
  if (choices !== undefined) return joined(choices.map(typeName))
  if (schema.allOf !== undefined) return joined(schema.allOf.map(typeName))
  const types = [schema.type ?? 'any'].flat()
  return joined(types.map((type) => simpleType(type, schema)))
}

function simpleType(type: string, schema: Named): Html {
  if (type === 'array' && schema.items !== undefined) return html`array of ${typeName(schema.items)}`
  if (type === 'string') return html`string${schema.format === 'binary' ? ' (file)' : ''}`
  if (type === 'integer' || type === 'number') return html`${type}${range(schema)}`
  return html`${type}`
}

function range({ minimum, maximum, exclusiveMinimum }: Named): string {
  const least = typeof exclusiveMinimum === 'number' ? `over ${exclusiveMinimum}` : minimum
  if (least === undefined && maximum === undefined) return ''
  if (maximum === undefined) return ` from ${least}`
  return least === undefined ? ` up to ${maximum}` : ` ${least} to ${maximum}`
}

function joined(parts: readonly Html[]): Html {
  return html`${parts.map((part, index) => html`${index === 0 ? '' : ' or '}${part}`)}`
}

/** Text with its \`code\` marked. */
export function renderText(text: string): Html {
  return html`${text.split('`').map((part, index) => (index % 2 === 0 ? part : html`<code>${part}</code>`))}`
}
