import { strict as assert } from 'node:assert'
import type { Patches } from '../model/patches.ts'
import type { PromptImage } from './request.ts'
import type { FeatureId } from './runner.ts'

/** A picture on its way from a file to features in the runner. Changed by the cache alone. */
export interface Picture {
  /** Names the features in the runner. */
  readonly id: FeatureId
  readonly key: string
  readonly bytes: number
  readonly abort: AbortController
  /** Gone once it has been used: it holds the whole file. */
  load: PromptImage['load'] | null
  holders: number
  /** Whether the first to ask for it has been counted as a miss. */
  isCounted: boolean
  state: PictureState
  /** Clock readings, null until then. */
  loadedAtMs: number | null
  readyAtMs: number | null
}

type PictureState =
  | { readonly type: 'queued' }
  | { readonly type: 'loading' }
  | { readonly type: 'loaded'; readonly patches: Patches }
  | { readonly type: 'encoding' }
  | { readonly type: 'ready' }
  | { readonly type: 'failed'; readonly error: unknown }

export interface FeatureCacheOptions {
  /** Kept features beyond those in use; least recently used go first. */
  readonly budgetBytes: number
  readonly bytesPerToken: number
  /** Pictures whose pixels are in memory, or on their way there, at once. */
  readonly maxLoads: number
  readonly now: () => number
  /** Frees features in the runner. */
  readonly release: (id: FeatureId) => void
  /** A picture was loaded or failed: there may be work. */
  readonly onChange: () => void
}

/**
 * Features of pictures by (caller, digest): loaded and encoded once for all who ask meanwhile, counted while in use,
 * kept afterwards within a budget of bytes. Invariant: a picture with holders is never evicted.
 */
export class FeatureCache {
  readonly #options: FeatureCacheOptions
  /** In order of last use. */
  readonly #pictures = new Map<string, Picture>()
  readonly #queue: Picture[] = []
  #loads = 0
  #made = 0
  /** Bytes of features the runner holds for this cache. */
  bytes = 0
  hits = 0
  misses = 0

  constructor(options: FeatureCacheOptions) {
    this.#options = options
  }

  /** The caller's picture, loading from now on if nobody had it; to be given back with `drop`. */
  hold(callerId: string, image: PromptImage): Picture {
    const picture = this.#hold(callerId, image)
    if (picture.isCounted) this.hits++
    else this.misses++
    picture.isCounted = true
    return picture
  }

  /** The same ahead of a `hold` that may never come: counts as neither hit nor miss. */
  preload(callerId: string, image: PromptImage): Picture {
    return this.#hold(callerId, image)
  }

  drop(picture: Picture): void {
    assert(picture.holders > 0, 'a picture is dropped once by each holder')
    picture.holders--
    if (picture.holders > 0) return
    if (
      picture.state.type === 'queued' ||
      picture.state.type === 'loading' ||
      picture.state.type === 'loaded'
    ) {
      this.#forget(picture)
    }
    this.#evict()
  }

  /** Hands over the pixels of a loaded picture, which is being encoded from now on. */
  startEncoding(picture: Picture): Patches {
    const { state } = picture
    assert(state.type === 'loaded', 'only a loaded picture is encoded')
    picture.state = { type: 'encoding' }
    this.#loads--
    this.#loadNext()
    return state.patches
  }

  encoded(picture: Picture): void {
    picture.state = { type: 'ready' }
    picture.readyAtMs = this.#options.now()
    this.bytes += picture.bytes
    this.#evict()
  }

  failed(picture: Picture, error: unknown): void {
    picture.state = { type: 'failed', error }
    this.#pictures.delete(picture.key)
    this.#options.onChange()
  }

  #hold(callerId: string, image: PromptImage): Picture {
    const key = JSON.stringify([callerId, image.digest])
    let picture = this.#pictures.get(key)
    if (picture === undefined) {
      picture = this.#create(key, image)
      this.#queue.push(picture)
    } else this.#pictures.delete(key)
    this.#pictures.set(key, picture)
    picture.holders++
    this.#loadNext()
    return picture
  }

  #create(key: string, image: PromptImage): Picture {
    return {
      id: `picture-${++this.#made}`,
      key,
      bytes: image.count * this.#options.bytesPerToken,
      load: (signal) => image.load(signal),
      state: { type: 'queued' },
      loadedAtMs: null,
      readyAtMs: null,
      abort: new AbortController(),
      holders: 0,
      isCounted: false,
    }
  }

  #loadNext(): void {
    while (this.#loads < this.#options.maxLoads) {
      const picture = this.#queue.shift()
      if (picture === undefined) return
      this.#loads++
      void this.#load(picture)
    }
  }

  async #load(picture: Picture): Promise<void> {
    const { load } = picture
    assert(load !== null, 'a picture is loaded once')
    picture.load = null
    picture.state = { type: 'loading' }
    try {
      const patches = await load(picture.abort.signal)
      if (!picture.abort.signal.aborted) {
        picture.state = { type: 'loaded', patches }
        picture.loadedAtMs = this.#options.now()
        this.#options.onChange()
        return // the pixels stay in memory, and the place taken, until they are encoded
      }
    } catch (error) {
      if (!picture.abort.signal.aborted) this.failed(picture, error)
    }
    this.#loads--
    this.#loadNext()
  }

  /** Drops a picture nobody waits for any more, before it has become features. */
  #forget(picture: Picture): void {
    this.#pictures.delete(picture.key)
    const queued = this.#queue.indexOf(picture)
    if (queued !== -1) this.#queue.splice(queued, 1)
    if (picture.state.type === 'loaded') this.#loads--
    picture.abort.abort()
    this.#loadNext()
  }

  #evict(): void {
    for (const picture of this.#pictures.values()) {
      if (this.bytes <= this.#options.budgetBytes) return
      if (picture.holders > 0 || picture.state.type !== 'ready') continue
      this.#pictures.delete(picture.key)
      this.bytes -= picture.bytes
      this.#options.release(picture.id)
    }
  }
}
