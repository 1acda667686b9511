import type { Hub, HubName } from './hub.ts'
import { HubError } from './hub-error.ts'
import { createHuggingFace, HUGGINGFACE_URL } from './huggingface.ts'
import { createModelScope, MODELSCOPE_URL } from './modelscope.ts'

/**
 * @param hubUrl a mirror's address; null: the hub's own
 * @throws {HubError} when the address is none.
 */
export function createHub(name: HubName, hubUrl: string | null): Hub {
  const isHuggingFace = name === 'huggingface'
  const address = (hubUrl ?? (isHuggingFace ? HUGGINGFACE_URL : MODELSCOPE_URL)).replace(/\/+$/, '')
  if (!/^https?:$/.test(URL.parse(address)?.protocol ?? '')) {
    throw new HubError(`${JSON.stringify(address)} is not an http(s) address of a hub`)
  }
  return isHuggingFace ? createHuggingFace(address) : createModelScope(address)
}
