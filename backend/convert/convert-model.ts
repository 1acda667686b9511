import { copyFile, statfs, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { readChatTemplate } from '../model/chat-template.ts'
import { graphFiles } from '../model/graphs.ts'
import { type Device, type Dtype, type Manifest, manifestFile } from '../model/manifest.ts'
import { ModelFolderError } from '../model/model-folder-error.ts'
import { readModelConfig } from '../model/read-model-config.ts'
import { buildGraphs, graphForms, ignoresTensor } from './build-graphs.ts'
import { Checkpoint } from './checkpoint/checkpoint.ts'
import { keptFiles, modelDigest } from './model-digest.ts'
import type { BuiltGraph } from './onnx/graph-builder.ts'
import { writeStagedFolder } from './staged-folder.ts'
import { weightFormats } from './weights/weight-formats.ts'
import { writeGraph } from './write-graph.ts'

/**
 * Changes whenever the same model would convert to other files (test/backend/convert/converter-version.test.ts): part of
 * the conversion cache's key.
 */
export const converterVersion = '5'

export interface ConvertOptions {
  /** A folder as the hub publishes it. Only read. */
  readonly modelDir: string
  /** Appears when it is whole, never before. */
  readonly outDir: string
  readonly dtype: Dtype
  readonly device: Device
  onProgress?(progress: ConvertProgress): void
  readonly signal?: AbortSignal
}

interface ConvertProgress {
  /** Bytes written, of all there will be. */
  readonly done: number
  readonly total: number
  /** The source tensor just written. */
  readonly tensor: string
}

type Graphs = Readonly<Record<keyof typeof graphFiles, BuiltGraph>>

/**
 * Turns a model folder into ONNX graphs with their weights, tokenizer and configuration. Weights are streamed: memory
 * stays around half a GiB, whatever the model's size (measured on bench/random-model.ts).
 * @throws ModelFolderError with one line naming file and tensor; the signal's reason when aborted.
 */
export async function convertModel(options: ConvertOptions): Promise<Manifest> {
  const { modelDir, outDir, dtype, device } = options
  const signal = options.signal ?? new AbortController().signal
  signal.throwIfAborted()
  const config = await readModelConfig(modelDir)
  await readChatTemplate(modelDir)
  const checkpoint = await Checkpoint.open(modelDir)
  try {
    const graphs = buildGraphs(config, checkpoint, weightFormats(dtype, device), graphForms[device])
    checkpoint.assertAllUsed((name) => ignoresTensor(config, name))
    const source = await modelDigest(modelDir)
    return await writeStagedFolder(outDir, async (dir) => {
      await assertRoom(dir, graphs)
      await copyKeptFiles(modelDir, dir)
      const written = await writeGraphs(graphs, dir, signal, options.onProgress)
      const manifest = {
        converterVersion,
        architecture: config.architecture,
        dtype,
        device,
        source,
        graphs: written,
      }
      await writeFile(join(dir, manifestFile), `${JSON.stringify(manifest, null, 2)}\n`, { flush: true })
      return manifest
    })
  } finally {
    await checkpoint.close()
  }
}

async function writeGraphs(
  graphs: Graphs,
  dir: string,
  signal: AbortSignal,
  onProgress: ConvertOptions['onProgress'],
) {
  const places = Object.values(graphs).flatMap(({ weights }) => weights.flatMap((placed) => placed.places))
  const total = places.reduce((sum, { length }) => sum + length, 0)
  let done = 0
  const options = {
    dir,
    producer: { name: 'glm-4.6v-flash-web', version: converterVersion },
    signal,
    onBytes(bytes: number, tensor: string) {
      done += bytes
      onProgress?.({ done, total, tensor })
    },
  }
  await writeGraph(graphFiles.softmax, graphs.softmax, options)
  return {
    vision: await writeGraph(graphFiles.vision, graphs.vision, options),
    embed: await writeGraph(graphFiles.embed, graphs.embed, options),
    decoder: await writeGraph(graphFiles.decoder, graphs.decoder, options),
  }
}

async function copyKeptFiles(modelDir: string, dir: string) {
  for (const name of keptFiles) {
    try {
      await copyFile(join(modelDir, name), join(dir, name))
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : 'unknown error'
      if (code === 'ENOENT' && name !== 'tokenizer.json') continue
      throw new ModelFolderError(
        name,
        code === 'ENOENT' ? `is missing in ${modelDir}` : `cannot be copied (${code})`,
        {
          cause: error,
        },
      )
    }
  }
}

async function assertRoom(dir: string, graphs: Graphs) {
  const neededBytes = Object.values(graphs).reduce((sum, { weightBytes }) => sum + weightBytes, 0)
  const { bavail, bsize } = await statfs(dir)
  const freeBytes = bavail * bsize
  if (freeBytes >= neededBytes) return
  const megabytes = (bytes: number) => `${Math.ceil(bytes / 1e6)} MB`
  throw new ModelFolderError(
    dirname(resolve(dir)),
    `no space left on the disk: the conversion takes ${megabytes(neededBytes)}, ${megabytes(freeBytes)} are free`,
  )
}
