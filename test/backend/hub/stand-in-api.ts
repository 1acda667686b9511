import { createHash } from 'node:crypto'
import type { HubName } from '../../../backend/hub/hub.ts'

type Files = ReadonlyMap<string, Uint8Array>

/** What an address of a hub stands for; null from the functions below: nothing. */
type Route =
  | { readonly type: 'file'; readonly file: string }
  | { readonly type: 'api'; answer(listing: readonly unknown[], hubUrl: string): ApiAnswer }

interface ApiAnswer {
  readonly body: unknown
  /** Address of the next page. */
  readonly next: string | null
}

interface Api {
  route(url: URL, repo: string): Route | null
  listing(files: Files): unknown[]
  /** The header that carries a token. */
  credentials(token: string): string
  /** Status for somebody who may not see the repository, with and without credentials; for one who may, it is 404. */
  hidden(hasCredentials: boolean): number
}

const commit = 'c0ffee0000000000000000000000000000c0ffee'
/** Small, so that every listing takes several pages. */
const pageSize = 4

/** Large files lie in the hub's storage, where the hub redirects to. */
export const isLarge = (file: string) => file.endsWith('.safetensors') || file === 'tokenizer.json'

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')
const gitId = (bytes: Uint8Array) =>
  createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex')

const huggingface: Api = {
  route({ pathname, searchParams }, repo) {
    if (pathname === `/api/models/${repo}/revision/main`) {
      const body = { _id: '1', id: repo, sha: commit, private: false, lastModified: '2026-01-01T00:00:00Z' }
      return { type: 'api', answer: () => ({ body, next: null }) }
    }
    if (pathname === `/api/models/${repo}/tree/${commit}`) {
      const from = Number(searchParams.get('cursor') ?? 0)
      const to = from + pageSize
      return {
        type: 'api',
        answer: (listing, hubUrl) => ({
          body: listing.slice(from, to),
          next: to < listing.length ? `${hubUrl}${pathname}?cursor=${to}` : null,
        }),
      }
    }
    const prefix = `/${repo}/resolve/${commit}/`
    if (!pathname.startsWith(prefix)) return null
    return { type: 'file', file: decodeURIComponent(pathname.slice(prefix.length)) }
  },
  listing(files) {
    const entries = [...files].map(([path, bytes]) => {
      const entry = { type: 'file', path, size: bytes.length, oid: gitId(bytes) }
      return isLarge(path)
        ? { ...entry, lfs: { oid: sha256(bytes), size: bytes.length, pointerSize: 130 } }
        : entry
    })
    return [{ type: 'directory', path: 'images', size: 0, oid: commit }, ...entries]
  },
  credentials: (token) => `Bearer ${token}`,
  // It does not tell strangers what is private and what is not there.
  hidden: (hasCredentials) => (hasCredentials ? 404 : 401),
}

const modelscope: Api = {
  route({ pathname, searchParams }, repo) {
    if (searchParams.get('Revision') !== 'master') return null
    if (pathname === `/api/v1/models/${repo}/repo/files`) {
      const answer = (Files: readonly unknown[]) => ({ body: { Code: 200, Data: { Files } }, next: null })
      return { type: 'api', answer }
    }
    const file = searchParams.get('FilePath')
    return pathname === `/api/v1/models/${repo}/repo` && file !== null ? { type: 'file', file } : null
  },
  listing(files) {
    const entries = [...files].map(([path, bytes]) => {
      return { Path: path, Type: 'blob', Size: bytes.length, Sha256: sha256(bytes), Revision: gitId(bytes) }
    })
    return [{ Path: 'images', Type: 'tree', Size: 0, Sha256: '', Revision: commit }, ...entries]
  },
  credentials: (token) => `m_session_id=${token}`,
  hidden: () => 404,
}

export const standInApis: Readonly<Record<HubName, Api>> = { huggingface, modelscope }
