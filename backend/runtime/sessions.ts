import { join } from 'node:path'
import { InferenceSession } from 'onnxruntime-node'
import { decoderGraph, graphFiles } from '../model/graphs.ts'
import { readManifest } from '../model/manifest.ts'
import { ModelFolderError } from '../model/model-folder-error.ts'
import { readModelConfig } from '../model/read-model-config.ts'
import { type Device, deviceError, executionProviders, parseDevice } from './devices.ts'
import { integerProductOptions } from './integer-products.ts'

export interface Sessions {
  readonly vision: InferenceSession
  readonly embed: InferenceSession
  readonly decoder: InferenceSession
  /** On the CPU, whatever the device. */
  readonly softmax: InferenceSession
}

export interface SessionOptions {
  /** A converted folder. */
  readonly modelDir: string
  readonly device: Device
  /** CPU threads one step may use. */
  readonly threads: number
}

/**
 * Opens a converted folder's graphs; they are the caller's to release.
 * @throws ModelFolderError when the folder does not fit, Error when the device is not there
 */
export async function openSessions({ modelDir, device, threads }: SessionOptions): Promise<Sessions> {
  const manifest = await readManifest(modelDir)
  if (manifest.device !== device.kind) {
    throw new ModelFolderError(modelDir, `was converted for ${manifest.device}, not for ${device.name}`)
  }
  const open = (file: string, sessionThreads = threads, locations: OutputLocations = {}) =>
    openSession(join(modelDir, file), device, sessionThreads, locations)
  const opened: InferenceSession[] = []
  try {
    const vision = await open(graphFiles.vision)
    opened.push(vision)
    const embed = await open(graphFiles.embed, 1) // looks up rows: nothing to share out
    opened.push(embed)
    // Copying what comes out takes longer than computing it: a second thread gains nothing.
    const softmax = await openSession(join(modelDir, graphFiles.softmax), parseDevice('cpu'), 1, {})
    opened.push(softmax)
    return {
      vision,
      embed,
      softmax,
      decoder: await open(graphFiles.decoder, threads, await cacheLocations(modelDir, device)),
    }
  } catch (error) {
    for (const session of opened) await session.release()
    throw error
  }
}

type OutputLocations = Readonly<Record<string, 'cpu' | 'gpu-buffer'>>

/** The cache stays where the next step reads it. */
async function cacheLocations(modelDir: string, { kind }: Device): Promise<OutputLocations> {
  if (kind !== 'webgpu') return {}
  const { text } = await readModelConfig(modelDir)
  const names = Array.from({ length: text.layers }, (_, layer) => [
    decoderGraph.outputs.presentKey(layer),
    decoderGraph.outputs.presentValue(layer),
  ])
  const cache = Object.fromEntries(names.flat().map((name) => [name, 'gpu-buffer' as const]))
  return { ...cache, [decoderGraph.outputs.logits]: 'cpu' }
}

async function openSession(
  path: string,
  device: Device,
  threads: number,
  outputLocations: OutputLocations,
): Promise<InferenceSession> {
  try {
    return await InferenceSession.create(path, {
      executionProviders: executionProviders(device),
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      ...(Object.keys(outputLocations).length === 0 ? {} : { preferredOutputLocation: outputLocations }),
      executionMode: 'sequential',
      // Threads that spin between products take the cores that HTTP and pictures need: a third of all CPU time, measured.
      extra: { session: { ...(await integerProductOptions()), intra_op: { allow_spinning: '0' } } },
      logSeverityLevel: 4, // errors come back as exceptions; on stderr they might quote a prompt
    })
  } catch (error) {
    // On the CPU there is no device to be missing: the graph does not load.
    if (device.kind !== 'cpu') throw deviceError(device, error)
    const reason = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)
    throw new ModelFolderError(path, `does not load: ${reason}`, { cause: error })
  }
}
