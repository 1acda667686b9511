import { strict as assert } from 'node:assert'
import type { ImageSpan, Row, RowSampling } from './runner.ts'
import type { Sequence } from './sequence.ts'

/** The next `count` tokens of a sequence as the runner takes them; the one that empties it asks for a sample. */
export function rowOf(sequence: Sequence, count: number): Row {
  const { computed, slot, tokens } = sequence
  assert(slot !== null, 'a running sequence holds a slot')
  return {
    slot,
    start: computed,
    tokens: tokens.slice(computed, computed + count),
    positions: sequence.nextPositions(count),
    images: imageSpans(sequence, count),
    sampling: count === sequence.pending ? rowSampling(sequence) : null,
  }
}

function imageSpans({ computed, needed }: Sequence, count: number): ImageSpan[] {
  const spans: ImageSpan[] = []
  for (const { image, picture } of needed) {
    const first = Math.max(image.offset, computed)
    const end = Math.min(image.offset + image.count, computed + count)
    if (first >= end) continue
    spans.push({
      offset: first - computed,
      count: end - first,
      features: picture.id,
      from: first - image.offset,
    })
  }
  return spans
}

function rowSampling({ request, mask }: Sequence): RowSampling {
  assert(mask !== 'late', 'a sample waits for its mask')
  return { ...request.sampling, promptLength: request.prompt.tokens.length, allowed: mask }
}
