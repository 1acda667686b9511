import type { FeatureCache, Picture } from './feature-cache.ts'
import type { Job } from './job.ts'

/**
 * Loads the first picture of whoever is admitted next, while it waits. Only one: a loaded picture keeps its place until
 * it is encoded, and those of running sequences must never want for a place. Invariant: holds one picture or none.
 */
export class Preload {
  readonly #features: FeatureCache
  readonly #enabled: boolean
  #job: Job | null = null
  #picture: Picture | null = null

  /** @param maxLoads places for loaded pictures; with a single one nothing is loaded early */
  constructor(features: FeatureCache, maxLoads: number) {
    this.#features = features
    this.#enabled = maxLoads > 1
  }

  /** Holds the picture of this job instead of the last one's; null: of nobody. Admission has its own hold by now. */
  hold(job: Job | null): void {
    if (job === this.#job || !this.#enabled) return
    const previous = this.#picture
    const [image] = job?.request.prompt.images ?? []
    this.#job = job
    this.#picture =
      job === null || image === undefined ? null : this.#features.preload(job.request.caller.id, image)
    if (previous !== null) this.#features.drop(previous)
  }
}
