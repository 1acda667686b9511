import { expect, test } from 'vitest'
import { ConfigError, describeFlags, environmentName, flags, parseConfig } from '../../backend/config.ts'

test('without arguments every flag has its safe default', () => {
  const { config } = parseConfig([], {})
  expect(config.host).toBe('127.0.0.1')
  expect(config.port).toBe(8080)
  expect(config.maxImageBytes).toBe(10 * 1024 * 1024)
  expect(config.apiKey).toEqual([])
  expect(config.modelPath).toBeNull()
})

test('an argument wins over the environment, the environment over the default', () => {
  expect(parseConfig([], { GLM_PORT: '9000' }).config.port).toBe(9000)
  expect(parseConfig(['--port', '9001'], { GLM_PORT: '9000' }).config.port).toBe(9001)
})

test('a repeatable flag collects, and its variable is separated by commas', () => {
  expect(parseConfig(['--api-key', 'aaaaaaaa', '--api-key', 'bbbbbbbb'], {}).config.apiKey).toEqual([
    'aaaaaaaa',
    'bbbbbbbb',
  ])
  expect(parseConfig([], { GLM_API_KEY: 'aaaaaaaa,bbbbbbbb' }).config.apiKey).toEqual([
    'aaaaaaaa',
    'bbbbbbbb',
  ])
})

test('every bad flag is named at once', () => {
  const bad = () => parseConfig(['--port', 'abc', '--max-queue', 'many'], { GLM_LOG_LEVEL: 'loud' })
  expect(bad).toThrow(ConfigError)
  try {
    bad()
  } catch (error) {
    const { problems } = error as ConfigError
    expect(problems).toHaveLength(3)
    expect(problems.join('\n')).toMatch(/--port abc[\s\S]*--max-queue many[\s\S]*GLM_LOG_LEVEL=loud/)
  }
})

test('a device that is not there to choose is refused before anything is loaded', () => {
  for (const device of ['auto', 'cpu', 'webgpu:0', 'cuda:3']) {
    expect(parseConfig(['--device', device], {}).config.device).toBe(device)
  }
  for (const device of ['webgpu:1', 'webgpu', 'cpu:0', 'gpu']) {
    expect(() => parseConfig(['--device', device], {})).toThrow(ConfigError)
  }
})

test('an unknown flag is refused by name', () => {
  expect(() => parseConfig(['--prot', '1'], {})).toThrow(/--prot/)
})

test('help lists every flag and its variable', () => {
  const help = describeFlags()
  for (const name of Object.keys(flags)) expect(help).toContain(`--${name}`)
  for (const name of Object.keys(flags)) expect(help).toContain(environmentName(name))
})
