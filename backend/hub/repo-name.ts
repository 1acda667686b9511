import type { HubName } from './hub.ts'
import { HubError } from './hub-error.ts'

export type Source = HubName | 'auto'

// What both hubs allow. A leading dot is refused because the parts become folders of the cache.
const part = /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,95}$/

export function isRepoName(text: string): boolean {
  const parts = text.split('/')
  return parts.length === 2 && parts.every((name) => part.test(name))
}

/** Organisation and name. @throws {HubError} */
export function parseRepoName(repo: string): { readonly organisation: string; readonly name: string } {
  const [organisation, name] = repo.split('/')
  if (organisation === undefined || name === undefined || !isRepoName(repo)) {
    throw new HubError(`${JSON.stringify(repo)} is not a hub name; one looks like zai-org/GLM-4.6V-Flash`)
  }
  return { organisation, name }
}

/** Under `auto`, `ZhipuAI/` is ModelScope's: the same models are `zai-org/` on Hugging Face. */
export function hubNameOf(repo: string, source: Source): HubName {
  if (source !== 'auto') return source
  return repo.startsWith('ZhipuAI/') ? 'modelscope' : 'huggingface'
}
