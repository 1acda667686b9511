import { createServer, type ServerResponse } from 'node:http'

/** Ends of what a body must show: whether a stream is asked for stands in the JSON, first or last in every body. */
const keptBytes = 4096
const eventMs = 5

const identity = { id: 'chatcmpl-1', object: 'chat.completion', created: 1, model: 'mock' }
const usage = { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 }
const message = { role: 'assistant', content: 'hello there' }
const answer = JSON.stringify({ ...identity, choices: [{ index: 0, message, finish_reason: 'stop' }], usage })
const chunk = JSON.stringify({
  ...identity,
  object: 'chat.completion.chunk',
  choices: [{ index: 0, delta: { content: 'word ' }, finish_reason: null }],
})

let lastCancelledMs = 0

// The mock backend of the benchmark, a process of its own: answers at once, without looking at what it is asked.
const server = createServer((request, response) => {
  if (request.url === '/cancelled') return void response.end(String(lastCancelledMs))
  let first: Buffer = Buffer.alloc(0)
  let last: Buffer = Buffer.alloc(0)
  request.on('data', (bytes: Buffer) => {
    if (first.length === 0) first = bytes.subarray(0, keptBytes)
    last = bytes.subarray(-keptBytes)
  })
  request.on('end', () => {
    if (first.includes('"stream":true') || last.includes('"stream":true')) return stream(response)
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': answer.length })
    response.end(answer)
  })
})

function stream(response: ServerResponse) {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  const send = () => response.write(`: usage 10 1\ndata: ${chunk}\n\n`)
  send()
  const timer = setInterval(send, eventMs)
  response.on('close', () => {
    clearInterval(timer)
    lastCancelledMs = Date.now()
  })
}

server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  if (address !== null && typeof address === 'object') process.send?.(address.port)
})
