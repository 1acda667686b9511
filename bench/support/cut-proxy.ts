import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'

/** A TCP relay on loopback whose connections can be cut, as networks do. */
export class CutProxy {
  readonly port: number
  readonly #server: Server
  readonly #sockets: Set<Socket>

  private constructor(server: Server, sockets: Set<Socket>, port: number) {
    this.#server = server
    this.#sockets = sockets
    this.port = port
  }

  static async start(targetPort: number): Promise<CutProxy> {
    const sockets = new Set<Socket>()
    const server = createServer((client) => {
      const upstream = connect(targetPort, '127.0.0.1')
      for (const [socket, other] of [
        [client, upstream],
        [upstream, client],
      ] as const) {
        sockets.add(socket)
        socket.on('error', () => {}) // cutting is what it is for
        socket.once('close', () => {
          sockets.delete(socket)
          other.destroy()
        })
        socket.pipe(other)
      }
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    return new CutProxy(server, sockets, typeof address === 'object' && address !== null ? address.port : 0)
  }

  /** Ends every connection without a word, bytes under way included. Returns how many there were. */
  cut(): number {
    const count = this.#sockets.size / 2
    for (const socket of this.#sockets) socket.resetAndDestroy()
    return count
  }

  async close(): Promise<void> {
    this.cut()
    this.#server.close()
    if (this.#server.listening) await once(this.#server, 'close')
  }
}
