import { html } from 'hono/html'
import type { Operation, Responses } from '../http/openapi-document.ts'
import { type Html, renderSchema, renderText, type Schema, typeName } from './render-schema.ts'

export const operationId = (method: string, path: string) =>
  `${method}-${path.replaceAll(/[^a-z0-9]+/gi, '-').replaceAll(/^-|-$/g, '')}`

/** One operation: what it takes, what it answers. */
export function renderOperation(method: string, path: string, operation: Operation): Html {
  const { summary = '', parameters = [], requestBody, responses = {}, security } = operation
  return html`<section id="${operationId(method, path)}">
    <h3><span class="method">${method.toUpperCase()}</span> <code>${path}</code></h3>
    <p>${renderText(summary)}${security?.length === 0 ? html` <small>Needs no key.</small>` : ''}</p>
    ${parameters.map(renderParameter)}
    ${requestBody !== undefined && 'content' in requestBody ? renderContent('Request', requestBody.content) : ''}
    <h4>Answers</h4>
    <dl>${Object.entries<Responses[string]>(responses).map(([status, response]) => renderResponse(status, response))}</dl>
  </section>`
}

type Parameter = NonNullable<Operation['parameters']>[number]

function renderParameter(parameter: Parameter): Html {
  if ('$ref' in parameter) return html``
  const { name, in: place, schema, description = '' } = parameter
  const type = schema === undefined ? '' : typeName(schema)
  return html`<p><code>${name}</code> in the ${place}: ${type}. ${renderText(description)}</p>`
}

type Content = Readonly<Record<string, { readonly schema?: Schema }>>

function renderContent(title: string, content: Content): Html {
  return html`${Object.entries(content).map(
    ([mediaType, { schema }]) => html`
      <h4>${title} <small>${mediaType}</small></h4>
      ${schema === undefined ? '' : renderSchema(schema)}`,
  )}`
}

/** An error's code says it all: its body is the same everywhere. */
function renderResponse(status: string, response: Responses[string]): Html {
  const content: Content = Number(status) < 400 ? (response.content ?? {}) : {}
  const types = Object.entries(content).map(
    ([mediaType, { schema }]) =>
      html`<div><small>${mediaType}</small> ${schema === undefined ? '' : typeName(schema)}</div>`,
  )
  return html`<dt>${status}</dt><dd>${renderText(response.description ?? '')}${types}</dd>`
}
