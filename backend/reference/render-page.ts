import { html, raw } from 'hono/html'
import { type OpenApiDocument, operationsOf } from '../http/openapi-document.ts'
import { operationId, renderOperation } from './render-operation.ts'
import { type Html, renderSchema, renderText, type Schema } from './render-schema.ts'

/** The reference page of an OpenAPI document: one HTML file that runs nothing and asks nobody. */
export function renderPage(document: OpenApiDocument, css: string): Html {
  const { info, tags = [], paths = {}, components = {} } = document
  const operations = Object.entries(paths).flatMap(([path, item]) =>
    operationsOf(item).map(({ method, operation }) => ({ method, path, operation })),
  )
  const groups = tags
    .map((tag) => ({
      ...tag,
      members: operations.filter(({ operation }) => operation.tags?.includes(tag.name)),
    }))
    .filter(({ members }) => members.length > 0)
  const schemas = Object.entries<Schema>(components.schemas ?? {})
  return html`<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>${info.title} API</title>
    <style>${raw(css)}</style>
  </head>
  <body>
    <nav aria-label="Contents">
      <strong>${info.title}</strong>
      ${groups.map(
        ({ name, members }) => html`<h2>${name}</h2>
        <ul>${members.map(
          ({ method, path }) =>
            html`<li><a href="#${operationId(method, path)}"><small>${method.toUpperCase()}</small> ${path}</a></li>`,
        )}</ul>`,
      )}
      <h2>schemas</h2>
      <ul>${schemas.map(([name]) => html`<li><a href="#schema-${name}">${name}</a></li>`)}</ul>
    </nav>
    <main>
      <h1>${info.title} API <small>${info.version}</small></h1>
      <p>${renderText(info.description ?? '')} This page shows <a href="/openapi.json">openapi.json</a>.</p>
      ${groups.map(
        ({ name, description = '', members }) => html`<h2>${name}</h2>
        <p>${renderText(description)}</p>
        ${members.map(({ method, path, operation }) => renderOperation(method, path, operation))}`,
      )}
      <h2>schemas</h2>
      ${schemas.map(
        ([name, schema]) => html`<section id="schema-${name}">
        <h3>${name}</h3>
        ${renderSchema(schema)}
        ${renderExample(schema)}
      </section>`,
      )}
    </main>
  </body>
</html>`
}

function renderExample(schema: Schema): Html | '' {
  if ('$ref' in schema || schema.example === undefined) return ''
  return html`<h4>Example</h4><pre>${JSON.stringify(schema.example, null, 2)}</pre>`
}
