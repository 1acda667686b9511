import { z } from 'zod'
import { type Hub, HubStatusError, MAX_LISTED_FILES, type RepoFile } from './hub.ts'
import { HubError } from './hub-error.ts'
import { retryAfterMs } from './retry.ts'

export const MODELSCOPE_URL = 'https://www.modelscope.cn'
/** ModelScope's default branch. */
const revision = 'master'

const listingSchema = z.object({
  Data: z.object({
    Files: z
      .array(
        z.object({
          Path: z.string(),
          Type: z.string(),
          Size: z.int().min(0),
          Sha256: z.union([z.hex().length(64), z.literal('')]).nullish(),
          Revision: z.string().min(1),
        }),
      )
      .max(MAX_LISTED_FILES),
  }),
})

/** ModelScope's HTTP API: one listing, and one address a file that redirects to its storage. */
export function createModelScope(url: string): Hub {
  return {
    label: 'ModelScope',
    url,
    tokenVariable: 'MODELSCOPE_API_TOKEN',
    // The API takes the access token as its session cookie, as its own Python client sends it.
    authorize: (token) => ({ cookie: `m_session_id=${token}` }),
    list: (repo, fetch) => listRepo(url, repo, fetch),
  }
}

async function listRepo(url: string, repo: string, fetch: typeof globalThis.fetch): Promise<RepoFile[]> {
  const api = `${url}/api/v1/models/${repo}/repo`
  const response = await fetch(
    `${api}/files?${new URLSearchParams({ Revision: revision, Recursive: 'true' })}`,
  )
  if (!response.ok) {
    await response.body?.cancel()
    throw new HubStatusError(response.status, retryAfterMs(response))
  }
  const listing = listingSchema.safeParse(await readJson(response))
  if (!listing.success) {
    throw new HubError(`${url} does not answer as ModelScope does`, { cause: listing.error })
  }
  return listing.data.Data.Files.filter((file) => file.Type === 'blob').map((file) => ({
    name: file.Path,
    sizeBytes: file.Size,
    sha256: file.Sha256 ? file.Sha256 : null,
    version: file.Sha256 ? file.Sha256 : file.Revision,
    url: `${api}?${new URLSearchParams({ Revision: revision, FilePath: file.Path })}`,
  }))
}

async function readJson(response: Response): Promise<unknown> {
  const text = await response.text()
  try {
    return JSON.parse(text)
  } catch {
    return null // a page instead of the API's answer; the schema refuses it
  }
}
