import { mkdtemp, rm } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadChat } from '../../backend/chat/load-chat.ts'
import { convertModel } from '../../backend/convert/convert-model.ts'
import type { Dtype } from '../../backend/model/manifest.ts'
import type { FrequencyDtype, ModelConfig } from '../../backend/model/model-config.ts'
import { readModelConfig } from '../../backend/model/read-model-config.ts'
import { parseDevice } from '../../backend/runtime/devices.ts'
import { openSessions } from '../../backend/runtime/sessions.ts'
import { PatchPool } from '../../backend/vision/patch-pool.ts'
import { readExpectedCases } from './expected-case.ts'
import { type CaseReport, measureCase } from './measure-case.ts'

export interface ParityReport {
  /** How the recording's reference held its rotary frequencies: recordings do not say, only the nearer one can be right. */
  readonly frequencies: FrequencyDtype
  readonly cases: readonly CaseReport[]
}

/**
 * Converts a folder with recordings and measures every case; nothing of the conversion is kept. A reference that was
 * loaded in a precision keeps its rotary frequencies in f32; one that was cast as a whole to bfloat16 has rounded them.
 */
export async function runParity(modelDir: string, dtype: Dtype): Promise<ParityReport> {
  const cases = readExpectedCases(modelDir)
  const dir = await mkdtemp(join(tmpdir(), 'glm-parity-'))
  const converted = join(dir, 'model')
  const patches = new PatchPool({ threads: 1, maxQueue: 64, maxPixels: 1e9, timeoutMs: 60_000 })
  try {
    await convertModel({ modelDir, outDir: converted, dtype, device: 'cpu' })
    const config = await readModelConfig(converted)
    const chat = await loadChat(converted)
    const device = parseDevice('cpu')
    const sessions = await openSessions({ modelDir: converted, device, threads: availableParallelism() })
    const measure = async (frequencies: FrequencyDtype): Promise<ParityReport> => {
      const parts = { config: withFrequencies(config, frequencies), chat, patches, sessions }
      const reports: CaseReport[] = []
      for (const expected of cases) reports.push(await measureCase(parts, expected))
      return { frequencies, cases: reports }
    }
    const either = [await measure('f32'), await measure('bf16')]
    for (const session of Object.values(sessions)) await session.release()
    return either.reduce((best, other) => (distance(other) < distance(best) ? other : best))
  } finally {
    await patches.close()
    await rm(dir, { recursive: true, force: true })
  }
}

function withFrequencies(config: ModelConfig, frequencies: FrequencyDtype): ModelConfig {
  const { text, vision } = config
  return {
    ...config,
    text: { ...text, rope: { ...text.rope, frequencyDtype: frequencies } },
    vision: { ...vision, ropeFrequencyDtype: frequencies },
  }
}

const distance = ({ cases }: ParityReport) => Math.max(...cases.map(({ logits }) => logits))
