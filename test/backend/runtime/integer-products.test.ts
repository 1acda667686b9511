import { strict as assert } from 'node:assert'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { expect, test } from 'vitest'
import { encodeModel } from '../../../backend/convert/onnx/encode-model.ts'
import { GraphBuilder } from '../../../backend/convert/onnx/graph-builder.ts'
import { addsInFullWidth, integerProductOptions } from '../../../backend/runtime/integer-products.ts'

test('a processor is known by its flags', () => {
  expect(addsInFullWidth('processor\t: 0\nflags\t\t: fpu avx2 avx512_vnni avx512_bitalg\n')).toBe(true)
  expect(addsInFullWidth('flags\t\t: fpu avx2 avx_vnni\n')).toBe(true)
  expect(addsInFullWidth('flags\t\t: fpu avx2 avx512f avx512bw\nbugs\t: no avx_vnni\n')).toBe(false)
  expect(addsInFullWidth('')).toBe(false)
})

test('products of the largest 8-bit integers come out exact on this processor', async () => {
  const [inner, columns] = [256, 32]
  const g = new GraphBuilder('product')
  const rows = g.input('rows', 'u8', ['M', inner])
  const [weights] = g.weights({
    source: 'weights',
    parts: [{ type: 'i8', dims: [inner, columns] }],
    write: async () => {},
  })
  assert(weights)
  g.output('sums', g.op('MatMulInteger', [rows, weights]), 'i32', ['M', columns])
  const built = g.build().graph
  const initializers = built.initializers.map((initializer) => ({
    ...initializer,
    data: new Uint8Array(inner * columns).fill(127),
  }))
  const session = await InferenceSession.create(
    encodeModel({ ...built, initializers }, { name: 'test', version: '1' }),
    { extra: { session: await integerProductOptions() }, logSeverityLevel: 4 },
  )
  try {
    for (const count of [1, 5, 64]) {
      const full = new Tensor('uint8', new Uint8Array(count * inner).fill(255), [count, inner])
      const { sums } = await session.run({ rows: full })
      expect(new Set(sums?.data as Int32Array)).toEqual(new Set([255 * 127 * inner]))
    }
  } finally {
    await session.release()
  }
})
