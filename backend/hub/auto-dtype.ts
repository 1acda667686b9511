import type { Device, Dtype } from '../model/manifest.ts'

/**
 * The precision chosen when nobody chose one. CPU: the fastest whose rows do not depend on one another. CUDA: the only
 * ones its attention kernels take are half precisions. WebGPU: its memory is the limit.
 */
export const autoDtype = { cpu: 'int8', cuda: 'fp16', webgpu: 'int4' } as const satisfies Record<
  Device,
  Dtype
>
