import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { loadChat } from '../../../backend/chat/load-chat.ts'
import type { ChatMessage } from '../../../backend/chat/messages.ts'
import { readTestTensors } from '../../support/read-safetensors.ts'

interface Case {
  readonly case: number
  readonly messages: readonly ChatMessage[]
  readonly enable_thinking: boolean | null
  readonly tensors: string
}

const fixtures = join(import.meta.dirname, '../../fixtures')

describe.each(['glm4v-random', 'glm-ocr-random'])('%s', (name) => {
  const expected = join(fixtures, name, 'expected')
  const cases: readonly Case[] = JSON.parse(readFileSync(join(expected, 'index.json'), 'utf8'))

  test.each(cases)('case $case: ids and positions equal the reference implementation', async (fixture) => {
    const chat = await loadChat(join(fixtures, name))
    const tensors = readTestTensors(join(expected, fixture.tensors))
    const integers = (tensor: string) => [...(tensors.get(tensor)?.data ?? [])]
    const ids = integers('input_ids')
    const flat = integers('image_grid_thw')
    const grids = Array.from({ length: flat.length / 3 }, (_, image) => ({
      height: flat[image * 3 + 1] ?? 0,
      width: flat[image * 3 + 2] ?? 0,
    }))

    const draft = chat.draft({
      messages: fixture.messages,
      tools: [],
      thinking: fixture.enable_thinking,
      maxTokens: 4096,
      param: 'messages',
    })
    const prompt = draft.expand(grids)

    expect(prompt.tokens).toEqual(ids)
    expect([...prompt.positions]).toEqual(integers('position_ids'))
    expect(prompt.nextPosition).toBe(ids.length + (integers('rope_delta')[0] ?? Number.NaN))
    expect(draft.countTokens(grids)).toBe(ids.length)
    expect(draft.images).toBe(grids.length)
  })
})
