import type { Device, Dtype } from '../../model/manifest.ts'
import { fp32Format } from './float-weights.ts'
import type { WeightFormat } from './weight-format.ts'

export function weightFormat(_dtype: Dtype, _device: Device): WeightFormat {
  return fp32Format
}
