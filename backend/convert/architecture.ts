import type { ModelConfig } from '../model/model-config.ts'
import type { Tensors } from './graphs/tensors.ts'
import type { VisionVariant } from './graphs/vision-encoder.ts'
import type { GraphBuilder } from './onnx/graph-builder.ts'

/** What sets one architecture apart; the rest is shared. */
export interface Architecture {
  /** Tensors of the published files that are no part of the model as the reference runs it. */
  ignores(tensor: string, config: ModelConfig): boolean
  /** `visual` are the tensors under `model.visual.` */
  vision(config: ModelConfig, visual: Tensors): (g: GraphBuilder) => VisionVariant
}
