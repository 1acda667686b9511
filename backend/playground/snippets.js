/** @import { ApiRequest, Target } from './types.ts' */

export const snippetLanguages = /** @type {const} */ (['curl', 'python', 'node'])

/** @typedef {(typeof snippetLanguages)[number]} SnippetLanguage */

/**
 * A program that sends exactly this request. A key is read from `GLM_API_KEY`, never written down.
 * @param {SnippetLanguage} language
 * @param {ApiRequest} request
 * @param {Target} target
 */
export function snippet(language, request, target) {
  return { curl, python, node }[language](request, target)
}

/** Shell; the body goes through standard input, so pictures may be larger than an argument. Nothing in it is expanded. */
/** @param {ApiRequest} request @param {Target} target */
function curl({ path, body, stream }, { url, key }) {
  const lines = [
    `curl -sS${stream ? 'N' : ''} '${(url + path).replaceAll("'", '%27')}' \\`,
    ...(key ? ['  -H "authorization: Bearer $GLM_API_KEY" \\'] : []),
    "  -H 'content-type: application/json' --data-binary @- <<'JSON'",
    JSON.stringify(body, null, 2),
    'JSON',
  ]
  return `${lines.join('\n')}\n`
}

/** @param {ApiRequest} request @param {Target} target */
function python({ path, body, stream }, { url, key }) {
  const read = stream
    ? `    for line in response.iter_lines():
        if not line.startswith(b"data: ") or line == b"data: [DONE]":
            continue
        event = json.loads(line[6:])
        if "error" in event:
            raise SystemExit(event["error"]["message"])
        for choice in event["choices"]:
            print(choice["delta"].get("content") or "", end="", flush=True)
print()
`
    : `    print(response.json()["choices"][0]["message"]["content"])
`
  const headers = key ? '    headers={"authorization": "Bearer " + os.environ["GLM_API_KEY"]},\n' : ''
  return `${[...(stream ? ['import json'] : []), ...(key ? ['import os'] : [])].map((line) => `${line}\n`).join('')}
import requests

body = ${pythonLiteral(body)}

with requests.post(
    ${JSON.stringify(url + path)},
${headers}    json=body,
    stream=${stream ? 'True' : 'False'},
    timeout=(5, 300),
) as response:
    if not response.ok:
        raise SystemExit(response.json()["error"]["message"])
${read}`.trimStart()
}

/** Run it with `node FILE.mjs`; nothing to install. */
/** @param {ApiRequest} request @param {Target} target */
function node({ path, body, stream }, { url, key }) {
  const read = stream
    ? `let rest = ''
for await (const text of response.body.pipeThrough(new TextDecoderStream())) {
  const lines = (rest + text).split('\\n')
  rest = lines.pop()
  for (const line of lines) {
    if (!line.startsWith('data: ') || line === 'data: [DONE]') continue
    const event = JSON.parse(line.slice(6))
    if (event.error) throw new Error(event.error.message)
    for (const { delta } of event.choices) process.stdout.write(delta.content ?? '')
  }
}
process.stdout.write('\\n')
`
    : `console.log((await response.json()).choices[0].message.content)
`
  const authorization = key ? "\n    authorization: 'Bearer ' + process.env.GLM_API_KEY," : ''
  return `const body = ${JSON.stringify(body, null, 2)}

const response = await fetch(${JSON.stringify(url + path)}, {
  method: 'POST',
  headers: {${authorization}
    'content-type': 'application/json',
  },
  body: JSON.stringify(body),
  signal: AbortSignal.timeout(300_000),
})
if (!response.ok) throw new Error((await response.json()).error.message)
${read}`
}

/**
 * JSON as Python spells it: a JSON string is a Python string, only the three constants differ.
 * @param {unknown} value
 * @param {string} [indent]
 * @returns {string}
 */
function pythonLiteral(value, indent = '') {
  const inner = `${indent}    `
  if (value === null) return 'None'
  if (value === true) return 'True'
  if (value === false) return 'False'
  if (Array.isArray(value)) {
    if (value.length === 0) return '[]'
    return `[\n${value.map((item) => `${inner}${pythonLiteral(item, inner)},\n`).join('')}${indent}]`
  }
  if (typeof value === 'object') {
    const entries = Object.entries(value)
    if (entries.length === 0) return '{}'
    const rows = entries.map(
      ([key, item]) => `${inner}${JSON.stringify(key)}: ${pythonLiteral(item, inner)},\n`,
    )
    return `{\n${rows.join('')}${indent}}`
  }
  return JSON.stringify(value)
}

/** Longer base64 is shown shortened; what is copied is whole. */
const SHOWN_BASE64_CHARACTERS = 48

/**
 * The code as people read it.
 * @param {string} code
 */
export function shortened(code) {
  return code.replace(/(;base64,)([A-Za-z0-9+/=]+)/g, (_, head, data) =>
    data.length <= SHOWN_BASE64_CHARACTERS
      ? head + data
      : `${head}${data.slice(0, SHOWN_BASE64_CHARACTERS)}… (${Math.ceil(data.length / 1024)} KB)`,
  )
}
