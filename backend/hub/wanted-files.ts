import type { RepoFile } from './hub.ts'
import { HubError } from './hub-error.ts'

const required = ['config.json', 'preprocessor_config.json', 'tokenizer.json']
const optional = [
  'generation_config.json',
  'tokenizer_config.json',
  'chat_template.jinja',
  'chat_template.json',
  'model.safetensors.index.json',
  'README.md',
]
const exact = new Set([...required, ...optional])
const weights = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,120}\.safetensors$/

/** More shards than any model of this family has. */
const MAX_FILES = 1000

/**
 * The files a conversion reads, small ones first. Everything else stays on the hub, whatever it is called: only names
 * from this list, which are plain names, ever become files here.
 * @throws {HubError} when the repository is not a model in the hub's layout.
 */
export function pickWantedFiles(repo: string, listed: readonly RepoFile[]): RepoFile[] {
  const wanted = new Map(
    listed.filter(({ name }) => exact.has(name) || weights.test(name)).map((file) => [file.name, file]),
  )
  const missing = required.filter((name) => !wanted.has(name))
  if (![...wanted.keys()].some(isWeights)) missing.push('*.safetensors')
  if (missing.length > 0)
    throw new HubError(`${repo} is not a model this program can run: no ${missing.join(', ')}`)
  if (wanted.size > MAX_FILES)
    throw new HubError(`${repo} lists ${wanted.size} files of weights, at most ${MAX_FILES} are read`)
  return [...wanted.values()].sort((a, b) => a.sizeBytes - b.sizeBytes)
}

export const isWeights = (name: string) => weights.test(name)
