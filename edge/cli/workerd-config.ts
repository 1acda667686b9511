/** What a self-hosted edge is told at build time; its secrets and settings come from its environment. */
export interface WorkerdOptions {
  /** `host:port` the edge listens on. */
  readonly listen: string
  /** `host:port` of each backend. */
  readonly backends: readonly string[]
  /** Folder of the keys' databases; absolute, or relative to where workerd is started. */
  readonly storage: string
  /** Bundle, relative to the configuration file. */
  readonly script: string
  readonly compatibilityDate: string
  readonly compatibilityFlags: readonly string[]
}

/** Read from the environment of workerd; those that are unset take their defaults or are reported at the first request. */
const fromEnvironment = [
  'ADMIN_TOKEN',
  'KEY_CHECK_SECRETS',
  'SIGNING_KEYS',
  'SETTLEMENT_KEYS',
  'MODEL_PROFILE',
  'CLIENT_ADDRESS',
  'HOP_SECRET',
  'CORS_ORIGINS',
  'ALLOW_HTTP_IMAGES',
  'MAX_IMAGE_BYTES',
  'MAX_IMAGE_PIXELS',
  'MAX_IMAGES',
  'MAX_REQUEST_BYTES',
  'BYTE_BUDGET',
  'REQUEST_TIMEOUT_MS',
]

/**
 * Ranges workerd itself takes for public and that are not: 6to4 and NAT64 reach IPv4 in disguise, the others are
 * benchmarking, documentation, deprecated site-local and one cloud's internal service.
 */
const denied = [
  '64:ff9b::/96',
  '64:ff9b:1::/48',
  '2002::/16',
  '198.18.0.0/15',
  'fec0::/10',
  '168.63.129.16/32',
  '192.0.2.0/24',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '192.88.99.0/24',
  '0.0.0.0/8',
  '2001:db8::/32',
  '3fff::/20',
  '5f00::/16',
  '100::/64',
]

const v8Flags = ['--heap-growing-percent=20', '--max-semi-space-size=2', '--initial-old-space-size=8']

/**
 * The configuration of plain workerd. Pictures are fetched through a network that resolves names to public addresses
 * alone; backends are reached through services of their own, which no URL can name.
 */
export function workerdConfig(options: WorkerdOptions): string {
  const { listen, backends, storage, script, compatibilityDate, compatibilityFlags } = options
  const names = backends.map((_, index) => `BACKEND_${index}`)
  const services = backends.map(
    (address, index) =>
      `(name = ${text(`backend-${index}`)}, external = (address = ${text(address)}, http = ()))`,
  )
  const bindings = [
    `(name = "KEYS", durableObjectNamespace = "KeyObject")`,
    `(name = "DIRECTORY", durableObjectNamespace = "DirectoryObject")`,
    `(name = "BACKENDS", text = ${text(names.map((name) => `binding:${name}`).join(','))})`,
    ...names.map((name, index) => `(name = ${text(name)}, service = ${text(`backend-${index}`)})`),
    ...fromEnvironment.map((name) => `(name = ${text(name)}, fromEnvironment = ${text(name)})`),
  ]
  return `using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  # Every request leaves native objects behind that V8 sees only as their small wrappers: unless it looks often, they
  # grow to a hundred megabytes (docs/performance.md).
  v8Flags = [${v8Flags.map(text).join(', ')}],
  services = [
    (name = "edge", worker = .edge),
    (name = "internet", network = (
      allow = ["public"],
      deny = [${denied.map(text).join(', ')}],
      tlsOptions = (trustBrowserCas = true)
    )),
    (name = "storage", disk = (path = ${text(storage)}, writable = true)),
    ${services.join(',\n    ')}
  ],
  sockets = [(name = "http", address = ${text(listen)}, http = (), service = "edge")]
);

const edge :Workerd.Worker = (
  modules = [(name = "worker.js", esModule = embed ${text(script)})],
  compatibilityDate = ${text(compatibilityDate)},
  compatibilityFlags = [${compatibilityFlags.map(text).join(', ')}],
  globalOutbound = "internet",
  bindings = [
    ${bindings.join(',\n    ')}
  ],
  durableObjectNamespaces = [
    (className = "KeyObject", uniqueKey = "glm-edge-keys", enableSql = true),
    (className = "DirectoryObject", uniqueKey = "glm-edge-directory", enableSql = true)
  ],
  durableObjectStorage = (localDisk = "storage")
);
`
}

/** A Cap'n Proto text literal. */
function text(value: string): string {
  return JSON.stringify(value)
}
