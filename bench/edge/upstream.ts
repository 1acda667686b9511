import { createServer, type Socket } from 'node:net'
import { HttpMessages } from './http-messages.ts'

/** Ends of what a body must show: whether a stream is asked for stands in the JSON, first or last in every body. */
const keptBytes = 4096
const eventMs = 5

const identity = { id: 'chatcmpl-1', object: 'chat.completion', created: 1, model: 'mock' }
const usage = { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 }
const message = { role: 'assistant', content: 'hello there' }
const body = JSON.stringify({ ...identity, choices: [{ index: 0, message, finish_reason: 'stop' }], usage })
const answer = whole('application/json', body)
const chunk = JSON.stringify({
  ...identity,
  object: 'chat.completion.chunk',
  choices: [{ index: 0, delta: { content: 'word ' }, finish_reason: null }],
})
const event = `: usage 10 1\ndata: ${chunk}\n\n`
const streamHead = 'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n'

let lastCancelledMs = 0

// The mock backend of the benchmark, a process of its own: answers at once, without looking at what it is asked. Plain
// sockets, so that it leaves the machine to the gateways.
const server = createServer((socket) => {
  socket.setNoDelay(true)
  socket.on('error', () => {}) // a client that left; the connection closes
  const requests = new HttpMessages(keptBytes, (head, first, last) => {
    if (head.startsWith('GET /cancelled'))
      return void socket.write(whole('text/plain', String(lastCancelledMs)))
    const streams = first.includes('"stream":true') || last.includes('"stream":true')
    if (streams) stream(socket)
    else socket.write(answer)
  })
  socket.on('data', (bytes) => requests.push(bytes))
})

function whole(contentType: string, text: string): string {
  const head = `HTTP/1.1 200 OK\r\ncontent-type: ${contentType}\r\ncontent-length: ${text.length}\r\n\r\n`
  return head + text
}

function stream(socket: Socket) {
  socket.write(streamHead)
  const send = () => socket.write(`${event.length.toString(16)}\r\n${event}\r\n`)
  send()
  const timer = setInterval(send, eventMs)
  socket.once('close', () => {
    clearInterval(timer)
    lastCancelledMs = Date.now()
  })
}

server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  if (address !== null && typeof address === 'object') process.send?.(address.port)
})
