import type { Device, Dtype } from '../../model/manifest.ts'
import { fp32Format } from './float-weights.ts'
import { halfFormat } from './half-weights.ts'
import { int8Format } from './int8-weights.ts'
import { nbitsFormat } from './nbits-weights.ts'
import type { WeightFormat } from './weight-format.ts'

/** The format of each part of a model. */
export interface WeightFormats {
  readonly vision: WeightFormat
  readonly embedding: WeightFormat
  readonly layers: WeightFormat
  readonly head: WeightFormat
}

/** What a dtype means on a device. */
export function weightFormats(dtype: Dtype, device: Device): WeightFormats {
  if (dtype === 'fp32') return everywhere(fp32Format)
  if (dtype === 'fp16') return everywhere(halfFormat)
  // Integer products of whole matrices exist on CPU alone.
  if (device !== 'cpu') return everywhere(nbitsFormat(dtype === 'int8' ? 8 : 4))
  if (dtype === 'int8') return everywhere(int8Format)
  // The decoder's layers are four fifths of a large model. What remains loses most by 4 bits (the head's error was
  // the largest of all, pictures lose detail), and 8-bit products are faster here besides.
  return { ...everywhere(int8Format), layers: nbitsFormat(4) }
}

function everywhere(format: WeightFormat): WeightFormats {
  return { vision: format, embedding: format, layers: format, head: format }
}
