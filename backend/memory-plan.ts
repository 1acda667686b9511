import type { Dtype, Manifest } from './model/manifest.ts'
import type { ModelConfig } from './model/model-config.ts'

/**
 * Resident bytes of a loaded model over bytes of its weight files: the runtime packs some weights into a layout of its
 * own, and widens halves on the CPU. Measured on GLM-OCR's shapes.
 */
const RESIDENT_SHARE = { fp32: 1.1, fp16: 2.2, int8: 1.3, int4: 1.3 } as const satisfies Record<Dtype, number>
/** Node, the tokenizer, the decoder of pictures and the runtime before it has read a weight. */
const PROGRAM_BYTES = 300e6
/** While a picture is decoded: its pixels as they come and as the resampler wants them. */
const BYTES_PER_PIXEL = 8

export interface MemoryNeeds {
  readonly manifest: Pick<Manifest, 'dtype' | 'graphs'>
  readonly model: Pick<ModelConfig, 'preprocessor'>
  /** Of all slots, full. */
  readonly kvBytes: number
  readonly imageCacheBytes: number
  /** Bodies and packed pictures of all requests. */
  readonly maxHeldBytes: number
  /** Pictures decoded at once, each of at most so many pixels. */
  readonly decodeThreads: number
  readonly maxImagePixels: number
  /** Pictures kept as patches at once, each of at most so many image tokens. */
  readonly imageLoads: number
  readonly maxImageTokens: number
}

/** The most that each part of the server will ever take, in bytes. */
export interface MemoryPlan {
  readonly model: number
  readonly kvCache: number
  readonly imageCache: number
  readonly requests: number
  readonly pictures: number
  readonly total: number
}

export function planMemory(needs: MemoryNeeds): MemoryPlan {
  const { dtype, graphs } = needs.manifest
  const weightBytes = Object.values(graphs).reduce((sum, graph) => sum + graph.weightBytes, 0)
  const { mergeSize, patchSize, temporalPatchSize, mean } = needs.model.preprocessor
  const patchBytes = mean.length * temporalPatchSize * patchSize ** 2 * Float32Array.BYTES_PER_ELEMENT
  const parts = {
    model: Math.ceil(weightBytes * RESIDENT_SHARE[dtype] + PROGRAM_BYTES),
    kvCache: needs.kvBytes,
    imageCache: needs.imageCacheBytes,
    requests: needs.maxHeldBytes,
    pictures:
      needs.decodeThreads * needs.maxImagePixels * BYTES_PER_PIXEL +
      needs.imageLoads * needs.maxImageTokens * mergeSize ** 2 * patchBytes,
  }
  return { ...parts, total: Object.values(parts).reduce((sum, bytes) => sum + bytes, 0) }
}

/**
 * Whether the plan fits; the parts a flag bounds are named with it.
 * @param availableBytes what the process may still take: free memory, or what its cgroup leaves
 * @throws {Error} with one clear line when it does not.
 */
export function assertFits(plan: MemoryPlan, availableBytes: number): void {
  if (plan.total <= availableBytes) return
  const { model, kvCache, imageCache, requests, pictures, total } = plan
  throw new Error(
    `out of memory: serving may take ${gigabytes(total)} and ${gigabytes(availableBytes)} are available ` +
      `(model ${gigabytes(model)}; KV cache ${gigabytes(kvCache)}: --max-batch-size, --max-context-length; ` +
      `image cache ${gigabytes(imageCache)}: --image-cache-bytes; requests ${gigabytes(requests)}: --max-held-bytes; ` +
      `pictures ${gigabytes(pictures)}: --max-image-pixels, --max-image-tokens)`,
  )
}

const gigabytes = (bytes: number) => `${(bytes / 1e9).toFixed(2)} GB`

/** The plan as a log line has it, in MB. */
export function describePlan({ total, ...parts }: MemoryPlan, availableBytes: number) {
  const megabytes = (bytes: number) => Math.round(bytes / 1e6)
  return {
    ...Object.fromEntries(
      Object.entries(parts).map(([part, bytes]) => [
        `${part.replace(/[A-Z]/, (c) => `_${c.toLowerCase()}`)}_mb`,
        megabytes(bytes),
      ]),
    ),
    total_mb: megabytes(total),
    available_mb: megabytes(availableBytes),
  }
}
