import { HubApiError, listFiles, modelInfo } from '@huggingface/hub'
import { z } from 'zod'
import { type Hub, HubStatusError, MAX_LISTED_FILES, type RepoFile } from './hub.ts'
import { HubError } from './hub-error.ts'
import { isNetworkError } from './retry.ts'

export const HUGGINGFACE_URL = 'https://huggingface.co'

const entrySchema = z.object({
  type: z.string(),
  path: z.string(),
  size: z.int().min(0),
  oid: z.string().min(1),
  lfs: z.object({ oid: z.hex().length(64), size: z.int().min(0) }).optional(),
})
const commitSchema = z.hash('sha1')

/** The Hugging Face hub, or a mirror that speaks its API. */
export function createHuggingFace(url: string): Hub {
  return {
    label: 'Hugging Face',
    url,
    tokenVariable: 'HF_TOKEN',
    authorize: (token) => ({ authorization: `Bearer ${token}` }),
    list: async (repo, fetch) => {
      try {
        return await listRepo(url, repo, fetch)
      } catch (error) {
        if (error instanceof HubApiError) throw new HubStatusError(error.statusCode)
        if (isOddAnswer(error)) {
          throw new HubError(`${url} does not answer as a Hugging Face hub does`, { cause: error })
        }
        throw error
      }
    },
  }
}

/** A page instead of JSON, JSON that the client library stumbles over, or entries of another shape. */
function isOddAnswer(error: unknown) {
  if (error instanceof SyntaxError || error instanceof z.ZodError) return true
  return error instanceof TypeError && !isNetworkError(error)
}

/** Everything is read at one commit, so a push in the middle of a pull cannot mix two versions of a model. */
async function listRepo(url: string, repo: string, fetch: typeof globalThis.fetch): Promise<RepoFile[]> {
  const info = await modelInfo({
    name: repo,
    hubUrl: url,
    fetch,
    revision: 'main',
    additionalFields: ['sha'],
  })
  const commit = commitSchema.parse(info.sha)
  const files: RepoFile[] = []
  let listed = 0
  for await (const item of listFiles({
    repo: { type: 'model', name: repo },
    hubUrl: url,
    fetch,
    revision: commit,
  })) {
    listed += 1
    if (listed > MAX_LISTED_FILES) break
    if (item.type !== 'file') continue
    const { path, size, oid, lfs } = entrySchema.parse(item)
    files.push({
      name: path,
      sizeBytes: lfs?.size ?? size,
      sha256: lfs?.oid ?? null,
      version: lfs?.oid ?? oid,
      url: `${url}/${repo}/resolve/${commit}/${encodeURIComponent(path)}`,
    })
  }
  return files
}
