import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A webhook's other end, on loopback. */
export async function startReceiver() {
  type Delivery = { url: string; headers: Record<string, unknown>; body: string }
  const waiting: ((delivery: Delivery) => void)[] = []
  const http = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    response.statusCode = 204
    response.end()
    waiting.shift()?.({ url: request.url ?? '', headers: request.headers, body })
  })
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  const { port } = http.address() as AddressInfo
  return {
    host: `127.0.0.1:${port}`,
    next: () => new Promise<Delivery>((resolve) => waiting.push(resolve)),
    close: () => http.close(),
  }
}
