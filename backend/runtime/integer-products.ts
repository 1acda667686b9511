import { readFile } from 'node:fs/promises'

/**
 * Session options under which u8 × s8 products are exact. Processors without VNNI add pairs of products in 16 bits and
 * saturate; there the runtime is told to take products of wider integers, half as fast (no effect on ARM, which is
 * exact). Where the processor cannot be asked, it is taken for one without.
 */
export async function integerProductOptions(): Promise<Readonly<Record<string, string>>> {
  const cpuInfo = await readFile('/proc/cpuinfo', 'utf8').catch(() => '') // Linux alone has it
  return addsInFullWidth(cpuInfo) ? {} : { x64quantprecision: '1' }
}

/** Whether the processor that `/proc/cpuinfo` describes multiplies and adds 8-bit integers in one instruction. */
export function addsInFullWidth(cpuInfo: string): boolean {
  return /^flags\s*:.*\s(avx512_vnni|avx_vnni)\b/m.test(cpuInfo)
}
