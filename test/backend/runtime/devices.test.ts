import { expect, test } from 'vitest'
import { deviceError, parseDevice } from '../../../backend/runtime/devices.ts'

test('a device is known by the name its operator gives it', () => {
  expect(parseDevice('cpu')).toEqual({ kind: 'cpu', index: 0, name: 'cpu' })
  expect(parseDevice('cuda:1')).toEqual({ kind: 'cuda', index: 1, name: 'cuda:1' })
  expect(parseDevice('webgpu').name).toBe('webgpu:0')
  expect(parseDevice('cuda').name).toBe('cuda:0')
  for (const name of ['', 'gpu', 'cuda:x', 'cpu:1', 'webgpu:1'])
    expect(() => parseDevice(name)).toThrow('unknown')
})

test('a missing provider is named with what to install', () => {
  const cause = new Error('Failed to load shared library\nlots of text')
  const { message } = deviceError(parseDevice('cuda:0'), cause)
  expect(message).toContain('cuda:0')
  expect(message).toContain('ONNXRUNTIME_NODE_INSTALL=cuda12')
  expect(message).not.toContain('\n')
})
