import assert from 'node:assert/strict'
import type { AddressInfo } from 'node:net'
import { type ServerType, serve } from '@hono/node-server'
import { createApp } from './app.ts'
import type { Config } from './config.ts'
import { startJobs } from './deferral/start-jobs.ts'
import type { Log } from './log.ts'
import { Server } from './server.ts'
import { startServices } from './services.ts'
import { watchForStalls } from './stall-watch.ts'
import { version } from './version.ts'

/** A client that needs longer than this for its headers is not one. */
const HEADERS_TIMEOUT_MS = 15_000
/** Longer than common load balancers keep an idle connection, so that they close it, not we. */
const KEEP_ALIVE_TIMEOUT_MS = 75_000
/** For the last bytes of answers that are complete. */
const FLUSH_GRACE_MS = 2_000

export interface RunningServer {
  /** `http://host:port`, with the port that was really taken. */
  readonly url: string
  /** The same of `--web-port`. */
  readonly webUrl: string | null
  readonly server: Server
  /** Starts the drain; the same as aborting the signal. Resolves when everything is closed. */
  close(): Promise<void>
  /** Resolves when everything is closed, whoever asked for it. */
  readonly closed: Promise<void>
  /** Resolves, with what is wrong, when the model will not answer again: the process is of no use any more. */
  readonly stalled: Promise<string>
}

/**
 * Listens first, so that `/health` can say "loading", then starts the model. Resolves when the model answers.
 * When `signal` aborts, new requests get 503, running ones may finish until the drain's deadline.
 * @throws {Error} with one clear line when the address is taken or the model cannot start.
 */
export async function startServer(config: Config, log: Log, signal: AbortSignal): Promise<RunningServer> {
  const jobs = startJobs(config, log)
  const server = new Server(config, log, version, jobs)
  const listeners = await listenOn(server, config).catch(async (error: unknown) => {
    await jobs?.close()
    throw error
  })
  const [url, webUrl = null] = listeners.map(urlOf)
  assert(url !== undefined, 'the first listener is there')
  log.info(
    { url, ...(webUrl === null ? {} : { web_url: webUrl }), version },
    'Listening; the model is loading',
  )
  try {
    const services = await startServices(
      config,
      log,
      signal,
      (end) => server.metrics.answer(end),
      server.memory,
    )
    server.state = { status: 'healthy', services }
    jobs?.consume(services)
  } catch (error) {
    await Promise.all([closeListeners(listeners), jobs?.close()])
    throw error
  }
  log.info({ url, ...server.services().model.description }, 'Ready')
  const stop = Promise.withResolvers<void>()
  if (signal.aborted) stop.resolve()
  else signal.addEventListener('abort', () => stop.resolve(), { once: true })
  const closed = stop.promise.then(() => shutDown(server, listeners))
  const close = () => {
    stop.resolve()
    return closed
  }
  const stalled = new Promise<string>((resolve) => {
    const { engine } = server.services()
    const onStall = (reason: string) => {
      server.state = { status: 'unhealthy', reason }
      log.fatal({ reason }, 'The model has stalled')
      resolve(reason)
    }
    const over = new AbortController()
    void closed.then(() => over.abort())
    watchForStalls({
      stats: () => engine.stats(),
      timeoutMs: config.stallTimeout * 1000,
      onStall,
      signal: over.signal,
    })
  })
  return { url, webUrl, server, close, closed, stalled }
}

/** One listener a port, all for one app. What was opened is closed when another cannot be. */
async function listenOn(server: Server, { host, port, webPort }: Config): Promise<ServerType[]> {
  const { fetch } = createApp(server)
  const timeoutMs = server.config.requestTimeout * 1000
  const listeners: ServerType[] = []
  try {
    listeners.push(await listen({ fetch, host, port, timeoutMs, flag: '--port' }))
    if (webPort !== null) {
      listeners.push(await listen({ fetch, host, port: webPort, timeoutMs, flag: '--web-port' }))
    }
    return listeners
  } catch (error) {
    await closeListeners(listeners)
    throw error
  }
}

interface Listening {
  readonly fetch: ReturnType<typeof createApp>['fetch']
  readonly host: string
  readonly port: number
  readonly timeoutMs: number
  /** Names the port in errors. */
  readonly flag: string
}

function listen({ fetch, host, port, timeoutMs, flag }: Listening): Promise<ServerType> {
  const listening = Promise.withResolvers<ServerType>()
  const listener = serve(
    {
      fetch,
      hostname: host,
      port,
      serverOptions: {
        headersTimeout: HEADERS_TIMEOUT_MS,
        keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
        requestTimeout: timeoutMs,
      },
    },
    () => listening.resolve(listener),
  )
  listener.once('error', (error: NodeJS.ErrnoException) => {
    const reason =
      error.code === 'EADDRINUSE' ? `another program listens there (choose another ${flag})` : error.message
    listening.reject(new Error(`cannot listen on ${host}:${port}: ${reason}`))
  })
  return listening.promise
}

function urlOf(listener: ServerType): string {
  const { address, port } = listener.address() as AddressInfo // it listens on a port, not on a pipe
  return `http://${address.includes(':') ? `[${address}]` : address}:${port}`
}

/** Refuses new requests, lets running ones finish until the deadline, then closes everything. */
async function shutDown(server: Server, listeners: readonly ServerType[]) {
  if (server.state.status !== 'healthy') return
  const { services } = server.state
  server.state = { status: 'draining', services }
  server.log.info({ drain_timeout_s: server.config.drainTimeout }, 'Draining')
  server.jobs?.stop()
  await services.drain(Date.now() + server.config.drainTimeout * 1000)
  await Promise.all([closeListeners(listeners), server.jobs?.close()])
  await services.close()
  await server.tracing?.close()
  server.log.info('Stopped')
}

const closeListeners = (listeners: readonly ServerType[]) => Promise.all(listeners.map(closeListener))

/** Idle connections close at once, answers under way are flushed; what is still open after the grace is cut. */
async function closeListener(listener: ServerType) {
  const closed = Promise.withResolvers<void>()
  const cut = setTimeout(() => {
    if ('closeAllConnections' in listener) listener.closeAllConnections()
  }, FLUSH_GRACE_MS)
  listener.close(() => closed.resolve())
  await closed.promise
  clearTimeout(cut)
}
