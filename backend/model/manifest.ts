import { z } from 'zod'
import { readJson, readOptionalJson } from './read-json.ts'

export const manifestFile = 'manifest.json'

const graph = z.object({
  /** Bytes of the graph file and of its weights beside it. */
  graphBytes: z.int(),
  weightBytes: z.int(),
})

const manifestSchema = z.object({
  converterVersion: z.string(),
  architecture: z.enum(['glm4v', 'glm_ocr']),
  dtype: z.enum(['fp32', 'fp16', 'int8', 'int4']),
  device: z.enum(['cpu', 'webgpu', 'cuda']),
  /** What the conversion was made from: the digest of the source folder. */
  source: z.string(),
  /** Those that have weights. */
  graphs: z.object({ vision: graph, embed: graph, decoder: graph }),
})

/** What a converted folder says about itself. It is written last: a folder that has one is whole. */
export type Manifest = z.infer<typeof manifestSchema>
export type Dtype = Manifest['dtype']
export type Device = Manifest['device']

/** @throws ModelFolderError when the folder is not a converted model. */
export function readManifest(dir: string): Promise<Manifest> {
  return readJson(dir, manifestFile, manifestSchema)
}

/** The manifest, or null when the folder (or the manifest) does not exist: the hub's layout, or nothing yet. */
export function readOptionalManifest(dir: string): Promise<Manifest | null> {
  return readOptionalJson(dir, manifestFile, manifestSchema)
}
