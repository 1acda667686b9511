import type { InferenceSession } from 'onnxruntime-node'
import type { Device as DeviceKind } from '../model/manifest.ts'

/** Where a model runs. */
export interface Device {
  readonly kind: DeviceKind
  /** Which of several; always 0 on the CPU. */
  readonly index: number
  /** As the operator writes it: `cpu`, `webgpu:0`, `cuda:0`. */
  readonly name: string
}

/** What a machine lacks when a provider does not start, and where it comes from. */
const remedies = {
  cpu: 'the onnxruntime-node package is damaged: run npm ci',
  webgpu:
    'it needs a GPU, libvulkan.so.1 (libvulkan1 on Debian) and a Vulkan driver (the vendor’s or mesa-vulkan-drivers)',
  cuda:
    'it needs an NVIDIA GPU, CUDA 12 and cuDNN 9, and the provider’s libraries: ' +
    'ONNXRUNTIME_NODE_INSTALL=cuda12 npm rebuild onnxruntime-node',
} as const satisfies Record<DeviceKind, string>

/** @throws Error when the name is none of `auto`, `cpu`, `webgpu:0`, `cuda:N` */
export function parseDevice(name: string): Device {
  // The CPU is the only device this was measured on: nobody gets another without asking for it.
  if (name === 'cpu' || name === 'auto') return { kind: 'cpu', index: 0, name: 'cpu' }
  // The WebGPU provider takes the adapter it is given: there is nothing to choose.
  if (name === 'webgpu' || name === 'webgpu:0') return { kind: 'webgpu', index: 0, name: 'webgpu:0' }
  const [, index] = /^cuda(?::(\d{1,2}))?$/.exec(name) ?? [null, null]
  if (index === null) throw new Error(`device ${name} is unknown: use auto, cpu, webgpu:0 or cuda:N`)
  return { kind: 'cuda', index: Number(index ?? 0), name: `cuda:${Number(index ?? 0)}` }
}

export function executionProviders(device: Device): InferenceSession.ExecutionProviderConfig[] {
  const { kind, index } = device
  if (kind === 'cpu') return ['cpu']
  // What a provider has no kernel for runs on the CPU.
  return [kind === 'cuda' ? { name: kind, deviceId: index } : kind, 'cpu']
}

/** One line for the operator: which device is missing what. */
export function deviceError({ kind, name }: Device, cause: unknown): Error {
  const reason = cause instanceof Error ? (cause.message.split('\n')[0] ?? '') : String(cause)
  return new Error(`device ${name} cannot be used; ${remedies[kind]} (${reason})`, { cause })
}
