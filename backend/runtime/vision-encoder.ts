import { type InferenceSession, Tensor } from 'onnxruntime-node'
import { visionGraph } from '../model/graphs.ts'
import type { VisionConfig } from '../model/model-config.ts'
import type { Patches } from '../model/patches.ts'
import { positionTaps } from '../model/position-taps.ts'
import { visionRotary } from '../model/rotary.ts'
import { floats } from './tensors.ts'

const tapsPerPatch = 16

/** One picture's features, f32 [image tokens, hidden]. */
export async function encodePicture(
  session: InferenceSession,
  config: VisionConfig,
  { grid, pixels }: Patches,
): Promise<Float32Array> {
  const patches = grid.height * grid.width
  const half = config.headSize / 2
  const { cos, sin } = visionRotary(grid, config)
  const names = visionGraph.inputs
  const feeds: Record<string, Tensor> = {
    [names.pixels]: new Tensor('float32', pixels, [patches, pixels.length / patches]),
    [names.rotaryCos]: new Tensor('float32', cos, [patches, half]),
    [names.rotarySin]: new Tensor('float32', sin, [patches, half]),
  }
  if (config.positionTableSide > 0) {
    const { taps, weights } = positionTaps(grid, config)
    feeds[names.positionTaps] = new Tensor('int64', taps, [patches, tapsPerPatch])
    feeds[names.positionWeights] = new Tensor('float32', weights, [patches, tapsPerPatch])
  }
  return floats(await session.run(feeds, [visionGraph.outputs.features]), visionGraph.outputs.features)
}
