import { homedir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { z } from 'zod'
import { parseSigningKeys } from '../shared/signing.ts'

/** One flag of `serve` and `ask`: also the environment variable `GLM_<NAME>` and a row of docs/configuration.md. */
interface Flag<T extends z.ZodType = z.ZodType> {
  readonly schema: T
  /** As typed on the command line; null: none, the field is then null or empty. */
  readonly fallback: string | null
  /** The default as documents say it, where it depends on the machine. */
  readonly shown?: string
  readonly describe: string
  readonly repeatable?: true
}

const MEBIBYTE = 1024 * 1024

const count = (min: number, max: number) => z.coerce.number().int().min(min).max(max)
const optional = <T extends z.ZodType>(schema: T) => schema.nullable()

/** Every flag, in the order `--help` lists them. The defaults are safe: loopback only, everything bounded. */
export const flags = {
  host: { schema: z.string().min(1), fallback: '127.0.0.1', describe: 'address to listen on' },
  port: { schema: count(0, 65_535), fallback: '8080', describe: 'port to listen on; 0 takes a free one' },
  'web-port': {
    schema: optional(count(0, 65_535)),
    fallback: null,
    describe: 'second port with the page and the same API, 7860 by custom; none: the page is at --port alone',
  },
  'model-path': {
    schema: optional(z.string().min(1)),
    fallback: null,
    describe:
      'model folder (converted, or as the hub has it) or hub name such as zai-org/GLM-4.6V-Flash; none: the model that ships',
  },
  source: {
    schema: z.enum(['auto', 'huggingface', 'modelscope']),
    fallback: 'auto',
    describe: 'hub a name is pulled from; auto: ModelScope for ZhipuAI/…, else Hugging Face',
  },
  'hub-url': {
    schema: optional(z.url()),
    fallback: null,
    describe: 'address of a mirror of that hub',
  },
  'cache-dir': {
    schema: z.string().min(1),
    fallback: join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'glm-web'),
    shown: '~/.cache/glm-web',
    describe: 'where pulled and converted models are kept',
  },
  device: {
    schema: z.string().regex(/^(auto|cpu|webgpu:0|cuda:\d{1,2})$/, 'auto, cpu, webgpu:0 or cuda:N'),
    fallback: 'auto',
    describe: 'auto, cpu, webgpu:0 or cuda:N',
  },
  dtype: {
    schema: z.enum(['auto', 'fp32', 'fp16', 'int8', 'int4']),
    fallback: 'auto',
    describe: 'precision a hub folder is converted to; auto: int8 on cpu',
  },
  threads: { schema: count(0, 1024), fallback: '0', describe: 'threads of the model; 0: one a core' },
  'max-batch-size': {
    schema: count(1, 256),
    fallback: '4',
    describe: 'answers generated at once (KV slots)',
  },
  'max-context-length': {
    schema: count(64, 1_048_576),
    fallback: '2048',
    describe: 'tokens of prompt and answer together, at most what the model was made for',
  },
  'max-queue': {
    schema: count(0, 100_000),
    fallback: '64',
    describe: 'requests waiting; one more is refused with 503',
  },
  'max-image-bytes': {
    schema: count(1024, 1024 * MEBIBYTE),
    fallback: String(10 * MEBIBYTE),
    describe: 'bytes of one picture file',
  },
  'max-image-pixels': {
    schema: count(1024, 1_000_000_000),
    fallback: '50000000',
    describe: 'width × height of one picture; refuses bombs, detailed pictures are scaled down instead',
  },
  'max-body-bytes': {
    schema: count(1024, 1024 * MEBIBYTE),
    fallback: String(64 * MEBIBYTE),
    describe: "bytes of one request's body",
  },
  'max-held-bytes': {
    schema: count(1024, 1024 * 1024 * MEBIBYTE),
    fallback: String(512 * MEBIBYTE),
    describe: 'bytes of bodies and packed pictures that all requests hold; one more is refused with 503',
  },
  'max-images': { schema: count(1, 64), fallback: '8', describe: 'pictures of one request' },
  'max-image-tokens': {
    schema: optional(count(1, 1_048_576)),
    fallback: null,
    describe: 'image tokens of one request, shared by its pictures; none: three quarters of the context',
  },
  'image-cache-bytes': {
    schema: count(0, 1024 * 1024 * MEBIBYTE),
    fallback: String(256 * MEBIBYTE),
    describe: "pictures' features kept for further questions",
  },
  'allow-image-host': {
    schema: z.array(z.string().min(1)),
    fallback: null,
    repeatable: true,
    describe: 'host[:port] whose pictures may be fetched although it is not public; repeatable',
  },
  'request-timeout': {
    schema: count(1, 86_400),
    fallback: '300',
    describe: 'seconds a request may take in all',
  },
  'stall-timeout': {
    schema: count(1, 86_400),
    fallback: '120',
    describe:
      'seconds one step of the model may take; then /health is unhealthy and the process kills itself, for its supervisor to start anew',
  },
  'drain-timeout': {
    schema: count(0, 3600),
    fallback: '30',
    describe: 'seconds that running requests get to finish after SIGTERM',
  },
  'api-key': {
    schema: z.array(z.string().min(8, 'at least 8 characters')),
    fallback: null,
    repeatable: true,
    describe: 'key callers must send as a bearer token; repeatable; none: open',
  },
  'signing-key': {
    schema: z.array(z.string().refine(isSigningKey, 'id:secret, the secret at least 32 bytes in base64url')),
    fallback: null,
    repeatable: true,
    describe: 'id:secret an edge signs its requests with; repeatable, so that keys can rotate',
  },
  'served-model-name': {
    schema: optional(z.string().min(1).max(200)),
    fallback: null,
    describe: 'name in answers instead of the folder’s',
  },
  'redis-url': {
    schema: optional(
      z.url({ protocol: /^rediss?$/, error: 'redis://[user:password@]host[:port][/db] or rediss://…' }),
    ),
    fallback: null,
    describe: 'Redis (7.0 or newer) whose stream glm_queue holds jobs; none: no jobs',
  },
  'max-jobs': {
    schema: count(1, 10_000_000),
    fallback: '10000',
    describe: 'jobs not ended; one more is refused with 503',
  },
  'job-attempts': {
    schema: count(1, 100),
    fallback: '5',
    describe: 'runs of a job before it is given up',
  },
  'job-lease': {
    schema: count(1, 3600),
    fallback: '30',
    describe: 'seconds without a sign of life after which a job is taken from its backend',
  },
  'job-max-age': {
    schema: count(60, 30 * 86_400),
    fallback: '86400',
    describe: 'seconds a job may wait before it is given up',
  },
  'job-result-ttl': {
    schema: count(60, 30 * 86_400),
    fallback: '86400',
    describe: "seconds a job's result is kept",
  },
  'webhook-secret': {
    schema: optional(z.string().min(24, 'at least 24 characters')),
    fallback: null,
    describe: 'signs webhooks; none: jobs take no webhook',
  },
  'allow-webhook-host': {
    schema: z.array(z.string().min(1)),
    fallback: null,
    repeatable: true,
    describe: 'host[:port] that webhooks may be sent to although it is not public; repeatable',
  },
  'edge-url': {
    schema: optional(z.url({ protocol: /^https?$/ })),
    fallback: null,
    describe:
      'origin of the edge, which is told what its jobs took, such as https://api.example.com; needs --settlement-key',
  },
  'settlement-key': {
    schema: optional(z.string().refine(isSigningKey, 'id:secret, the secret at least 32 bytes in base64url')),
    fallback: null,
    describe:
      'id:secret that signs what the edge is told, one of its SETTLEMENT_KEYS; without both, no jobs through the edge',
  },
  plugin: {
    schema: z.array(z.string().min(1)),
    fallback: null,
    repeatable: true,
    describe: 'TypeScript or JavaScript file with hooks, docs/plugins.md; repeatable, called in this order',
  },
  'plugin-timeout': {
    schema: count(1, 3600),
    fallback: '30',
    describe: 'seconds one call of a hook may take; then it is ended and the request fails',
  },
  'otlp-url': {
    schema: optional(z.url({ protocol: /^https?$/ })),
    fallback: null,
    describe:
      'OpenTelemetry collector that takes traces, such as http://127.0.0.1:4318/v1/traces; none: no traces',
  },
  'log-level': {
    schema: z.enum(['debug', 'info', 'warn', 'error', 'silent']),
    fallback: 'info',
    describe: 'least level logged',
  },
  'log-format': { schema: z.enum(['json', 'text']), fallback: 'json', describe: 'json: one object a line' },
} as const satisfies Record<string, Flag>

function isSigningKey(text: string): boolean {
  try {
    return parseSigningKeys(text).length === 1
  } catch {
    return false // the schema's message says what is wanted
  }
}

type FlagName = keyof typeof flags

type CamelCase<S extends string> = S extends `${infer Head}-${infer Tail}`
  ? `${Head}${Capitalize<CamelCase<Tail>>}`
  : S

export type Config = { readonly [K in FlagName as CamelCase<K>]: z.infer<(typeof flags)[K]['schema']> }

/** What is wrong with the command line or the environment, one line each. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(problems.join('\n'))
    this.problems = problems
  }
}

export interface ParsedCommandLine {
  readonly config: Config
  readonly positionals: readonly string[]
  readonly help: boolean
}

/**
 * Reads every flag from the arguments, else from `GLM_<NAME>`, else from the table. A repeatable variable is
 * separated by commas.
 * @throws {ConfigError} naming every bad flag at once.
 */
export function parseConfig(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): ParsedCommandLine {
  const problems: string[] = []
  const { values, positionals } = readArguments(args)
  const config: Record<string, unknown> = {}
  for (const [name, flag] of Object.entries(flags) as [FlagName, Flag][]) {
    const given = values[name]
    const variable = environmentName(name)
    const fromEnv = env[variable] === '' ? undefined : env[variable]
    const raw = given ?? (flag.repeatable === true ? fromEnv?.split(',') : fromEnv) ?? flag.fallback
    const parsed = flag.schema.safeParse(raw ?? (flag.repeatable === true ? [] : null))
    if (parsed.success) config[camelCase(name)] = parsed.data
    else {
      const source = given === undefined ? `${variable}=${fromEnv ?? ''}` : `--${name} ${String(given)}`
      problems.push(`${source}: ${parsed.error.issues[0]?.message ?? 'invalid'}`)
    }
  }
  if (problems.length > 0) throw new ConfigError(problems)
  return { config: config as Config, positionals, help: values['help'] === true }
}

function readArguments(args: readonly string[]) {
  const options = Object.fromEntries(
    (Object.entries(flags) as [FlagName, Flag][]).map(([name, flag]) => [
      name,
      { type: 'string' as const, multiple: flag.repeatable === true },
    ]),
  )
  try {
    const parsed = parseArgs({
      args: [...args],
      options: { ...options, help: { type: 'boolean', short: 'h' } },
      allowPositionals: true,
    })
    const values: Record<string, string | boolean | (string | boolean)[] | undefined> = parsed.values
    return { values, positionals: parsed.positionals }
  } catch (error) {
    throw new ConfigError([error instanceof Error ? error.message : String(error)])
  }
}

export const environmentName = (flag: string) => `GLM_${flag.toUpperCase().replaceAll('-', '_')}`

const camelCase = (flag: string) => flag.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())

/** The flags as `--help` prints them. */
export function describeFlags(): string {
  return (Object.entries(flags) as [FlagName, Flag][])
    .map(([name, flag]) => {
      const fallback = flag.fallback === null ? '' : ` (default ${flag.fallback})`
      return `  --${name.padEnd(20)} ${flag.describe}${fallback}\n    ${' '.repeat(20)}   ${environmentName(name)}`
    })
    .join('\n')
}
