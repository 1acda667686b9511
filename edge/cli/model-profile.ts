import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

/** What `MODEL_PROFILE` tells the edge of the model served. */
export interface ModelProfile {
  readonly maxContextLength: number
  readonly maxImageTokens: number
  readonly resize: {
    readonly factor: number
    readonly temporal: number
    readonly minPixels: number
    readonly maxPixels: number
  }
}

interface Preprocessor {
  readonly patch_size: number
  readonly merge_size: number
  readonly temporal_patch_size: number
  readonly size: { readonly shortest_edge: number; readonly longest_edge: number }
}

/** The profile of a model folder, as a backend with this context and no `--max-image-tokens` of its own counts. */
export async function readProfile(folder: string, maxContextLength: number): Promise<ModelProfile> {
  const text = await readFile(join(folder, 'preprocessor_config.json'), 'utf8')
  const { patch_size, merge_size, temporal_patch_size, size } = JSON.parse(text) as Preprocessor
  return {
    maxContextLength,
    maxImageTokens: Math.floor((maxContextLength * 3) / 4),
    resize: {
      factor: patch_size * merge_size,
      temporal: temporal_patch_size,
      minPixels: size.shortest_edge,
      maxPixels: size.longest_edge,
    },
  }
}
