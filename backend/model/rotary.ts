import type { FrequencyDtype, TextConfig, VisionConfig } from './model-config.ts'
import { patchOrder } from './patch-order.ts'
import type { Grid } from './patches.ts'

/** Both f32, one row of angles per token or patch. */
export interface Rotary {
  readonly cos: Float32Array<ArrayBuffer>
  readonly sin: Float32Array<ArrayBuffer>
}

/**
 * Angles of the vision encoder's two-dimensional rotary embedding, [N, headSize / 2]: a patch's row angles
 * (headSize / 4), then its column angles.
 */
export function visionRotary(
  grid: Grid,
  config: Pick<VisionConfig, 'headSize' | 'ropeTheta' | 'ropeFrequencyDtype' | 'mergeSize'>,
): Rotary {
  const half = config.headSize / 2
  const frequencies = inverseFrequencies(config.ropeTheta, half, config.ropeFrequencyDtype)
  const { rows, columns } = patchOrder(grid, config)
  const rotary = emptyRotary(rows.length * half)
  for (let patch = 0; patch < rows.length; patch += 1) {
    const at = patch * half
    frequencies.forEach((frequency, j) => {
      setAngle(rotary, at + j, (rows[patch] ?? 0) * frequency)
      setAngle(rotary, at + half / 2 + j, (columns[patch] ?? 0) * frequency)
    })
  }
  return rotary
}

/**
 * Angles of the decoder's three-axis rotary embedding, [S, rotaryDim / 2]: each frequency follows the axis of
 * its section. `positions` is [3, S], axis by axis: temporal, height, width.
 */
export function textRotary(positions: Int32Array, { rope }: Pick<TextConfig, 'rope'>): Rotary {
  const tokens = positions.length / 3
  const half = rope.rotaryDim / 2
  const frequencies = inverseFrequencies(rope.theta, rope.rotaryDim, rope.frequencyDtype)
  const axes = rope.sections.flatMap((count, axis) => new Array<number>(count).fill(axis))
  const rotary = emptyRotary(tokens * half)
  for (let token = 0; token < tokens; token += 1) {
    frequencies.forEach((frequency, j) => {
      const position = positions[(axes[j] ?? 0) * tokens + token] ?? 0
      setAngle(rotary, token * half + j, position * frequency)
    })
  }
  return rotary
}

/**
 * theta^(−2j / dim) for j < dim / 2. Rounded to f32 at the same places as the reference: at position 100,000 an
 * f32 angle is off by thousandths, and the model was trained with exactly that error.
 */
function inverseFrequencies(theta: number, dim: number, dtype: FrequencyDtype) {
  return Array.from({ length: dim / 2 }, (_, j) => {
    const frequency = Math.fround(1 / Math.fround(theta ** Math.fround((2 * j) / dim)))
    return dtype === 'bf16' ? roundToBfloat16(frequency) : frequency
  })
}

/** To the nearest bfloat16 (the upper half of an f32), ties to even. */
function roundToBfloat16(value: number) {
  const float = Float32Array.of(value)
  const bits = new Uint32Array(float.buffer)
  const upper = bits.map((word) => (word + 0x7fff + ((word >>> 16) & 1)) & 0xffff0000)
  return new Float32Array(upper.buffer)[0] ?? 0
}

function emptyRotary(length: number): Rotary {
  return { cos: new Float32Array(length), sin: new Float32Array(length) }
}

function setAngle({ cos, sin }: Rotary, index: number, angle: number) {
  const rounded = Math.fround(angle)
  cos[index] = Math.cos(rounded)
  sin[index] = Math.sin(rounded)
}
