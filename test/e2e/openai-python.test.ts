import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { RunningServer } from '../../backend/start-server.ts'
import { pythonWith } from '../support/python.ts'
import { type ScriptedServer, startScriptedServer } from '../support/scripted-server.ts'
import { startTestServer } from '../support/start-test-server.ts'

const run = promisify(execFile)
const file = (name: string) => fileURLToPath(new URL(`python/${name}`, import.meta.url))

let running: RunningServer
let scripted: ScriptedServer
let python: string
beforeAll(async () => {
  python = await pythonWith(file('requirements.txt'))
  ;[running, scripted] = await Promise.all([startTestServer(), startScriptedServer()])
}, 400_000)
afterAll(() => Promise.all([running?.close(), scripted?.close()]))

test('the official SDK for Python works unmodified, waiting or not', { timeout: 120_000 }, async () => {
  const call = '<tool_call>weather\n<arg_key>city</arg_key>\n<arg_value>北京</arg_value>\n</tool_call>'
  scripted.runner.says(call, '晴。', call)
  const { stdout } = await run(python, [file('openai_client.py')], {
    env: { ...process.env, TINY_URL: `${running.url}/v1`, SCRIPTED_URL: `${scripted.url}/v1` },
    timeout: 100_000,
  })
  expect(stdout.trim().split('\n')).toEqual([
    'reads_a_picture',
    'takes_text_and_several_pictures',
    'streams_with_usage',
    'tells_logprobs',
    'raises_what_people_catch',
    'lists_models',
    'calls_tools',
    'works_asynchronously',
  ])
})
