import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import type { FinishedAnswer, PluginRequest } from '../../backend/plugins/plugin.ts'
import { decodeDicom } from '../../examples/plugins/dicom.ts'
import { createOcr } from '../../examples/plugins/ocr.ts'
import { createWordFilter } from '../../examples/plugins/word-filter.ts'
import { startScriptedServer } from '../support/scripted-server.ts'
import { startTestServer } from '../support/start-test-server.ts'
import { type DicomOptions, dicomFile } from './dicom-file.ts'

const ct: DicomOptions = {
  rows: 2,
  columns: 2,
  stored: 12,
  signed: true,
  rescale: [1, -24],
  window: [40, 401],
  pixels: [-1000, 64, 263, 2000], // −1024, 40, 239 and 1976 HU
}
const windowed = [0, 128, 255, 255]

const syntaxes = ['1.2.840.10008.1.2', '1.2.840.10008.1.2.1', '1.2.840.10008.1.2.2']

test.each(syntaxes)('a CT slice is rescaled and windowed (transfer syntax %s)', (syntax) => {
  expect(decodeDicom(dicomFile({ ...ct, syntax }))).toEqual({
    width: 2,
    height: 2,
    channels: 1,
    data: Uint8Array.from(windowed),
  })
})

test('MONOCHROME1 is white where it is lowest', () => {
  const file = dicomFile({ ...ct, photometric: 'MONOCHROME1' })
  expect(decodeDicom(file)).toMatchObject({ data: Uint8Array.from(windowed, (level) => 255 - level) })
})

test('without a window the values fill the whole range', () => {
  const file = dicomFile({ rows: 1, columns: 3, bits: 8, pixels: [10, 20, 30] })
  expect(decodeDicom(file)).toMatchObject({ data: Uint8Array.of(0, 128, 255) })
})

test('bits above the stored ones do not count', () => {
  const file = dicomFile({ rows: 1, columns: 2, stored: 12, window: [128.5, 256], pixels: [0xf000, 0xf0ff] })
  expect(decodeDicom(file)).toMatchObject({ data: Uint8Array.of(0, 255) })
})

test.each([
  [false, [1, 2, 3, 4, 5, 6]],
  [true, [1, 4, 2, 5, 3, 6]],
])('colours come pixel by pixel or plane by plane (planar %s)', (planar, pixels) => {
  const file = dicomFile({ rows: 1, columns: 2, bits: 8, samples: 3, photometric: 'RGB', planar, pixels })
  expect(decodeDicom(file)).toMatchObject({ channels: 3, data: Uint8Array.of(1, 2, 3, 4, 5, 6) })
})

test.each([
  [
    'compressed',
    dicomFile({ ...ct, syntax: '1.2.840.10008.1.2.4.50' }),
    /compressed .*1\.2\.840\.10008\.1\.2\.4\.50/,
  ],
  ['of other colours', dicomFile({ ...ct, photometric: 'YBR_FULL' }), /YBR_FULL/],
  ['too short', dicomFile({ ...ct, pixels: [1] }), /fewer pixels/],
  ['without a size', dicomFile({ ...ct, rows: 0 }), /rows/],
  ['cut off', dicomFile(ct).subarray(0, 150), /cannot be read/],
])('a file that is %s is refused with the reason', (_, file, reason) => {
  expect(decodeDicom(file)).toEqual({ refuse: expect.stringMatching(reason) })
})

test('what is no DICOM file is left to others', () => {
  expect(decodeDicom(Buffer.from('hello'))).toBeNull()
})

const noModel = { ask: () => Promise.reject(new Error('not asked')) }
const answer = (content: string): FinishedAnswer => ({
  content,
  reasoning: '',
  toolCalls: [],
  finishReason: 'stop',
  streaming: false,
})

test.each([
  ['A bad thing', 'A *** thing'],
  ['A BAD thing', 'A *** thing'],
  ['A ｂＡｄ thing', 'A *** thing'],
  ['A b\u200Bad thing', 'A *\u200B** thing'],
  ['Badminton is not', 'Badminton is not'],
  ['die STRASSE', 'die *******'],
  ['die Straße', 'die ******'],
  ['这是坏话吗', '这是**吗'],
  ['ΟΔΟΣ, οδός', '****, οδός'],
  ['👍🏽 fine', '👍🏽 fine'],
])('words are found however they are written: %s', async (content, masked) => {
  const filter = createWordFilter(['bad', 'straße', '坏话', 'οδος', ''])
  expect(await filter.finishText?.(answer(content), noModel)).toEqual({ content: masked, reasoning: '' })
})

test('what the model thought is filtered too, and a tool is not called with a word', async () => {
  const filter = createWordFilter(['bad'])
  const thought = { ...answer('fine'), reasoning: 'bad' }
  expect(await filter.finishText?.(thought, noModel)).toEqual({ content: 'fine', reasoning: '***' })
  const calling = { ...answer(''), toolCalls: [{ name: 'say', arguments: '{"text":"bad"}' }] }
  expect(await filter.finishText?.(calling, noModel)).toMatchObject({ refuse: expect.any(String) })
})

test('the text of each picture is added to the last question', async () => {
  const ocr = createOcr((image) => Promise.resolve(image.type === 'reference' ? image.reference : ''))
  const request: PluginRequest = {
    messages: [
      { role: 'user', content: [{ type: 'image' }, { type: 'image' }, { type: 'text', text: 'How much?' }] },
    ],
    images: [
      { type: 'bytes', bytes: new Uint8Array() },
      { type: 'reference', reference: '12.50' },
    ],
  }
  expect(await ocr.prepareRequest?.(request, noModel)).toMatchObject({
    messages: [{ content: [{}, {}, { text: 'How much?' }, { text: '\n\nText found in picture 2:\n12.50' }] }],
  })
  expect(await ocr.prepareRequest?.({ messages: [], images: [] }, noModel)).toBeNull()
})

const picture = new URL('../eval-suite/text-001.png', import.meta.url)
const sample = (name: string) => fileURLToPath(new URL(`../../examples/plugins/${name}`, import.meta.url))

test('all three together in a server', async () => {
  process.env['WORD_FILTER'] = 'secret'
  const flags = ['dicom.ts', 'ocr.ts', 'word-filter.ts'].flatMap((name) => ['--plugin', sample(name)])
  const server = await startScriptedServer(flags)
  try {
    server.runner.says('ROOM 7', 'the ＳＥＣＲＥＴ room')
    const file = dicomFile({
      rows: 64,
      columns: 64,
      bits: 8,
      pixels: Array.from({ length: 4096 }, (_, i) => i % 256),
    })
    const form = new FormData()
    form.set('image', new File([new Uint8Array(file)], 'slice.dcm'))
    form.set('prompt', 'Which room?')
    const response = await fetch(`${server.url}/v1/multimodal/completions`, { method: 'POST', body: form })
    expect(await response.json()).toMatchObject({ choices: [{ message: { content: 'the ****** room' } }] })
    expect(server.runner.prompts.at(-1)).toContain('Text found in picture 1:\nROOM 7')
  } finally {
    delete process.env['WORD_FILTER']
    await server.close()
  }
})

test('the model that ships reads the text for the OCR sample', async () => {
  const server = await startTestServer(['--plugin', sample('ocr.ts')])
  const post = async (path: string) => {
    const form = new FormData()
    form.set('image', new File([readFileSync(picture)], 'text.png'))
    form.set('prompt', 'What does the text say?')
    const response = await fetch(`${server.url}${path}`, { method: 'POST', body: form })
    return (await response.json()) as { prompt_tokens?: number; usage?: { prompt_tokens: number } }
  }
  try {
    const asSent = await post('/v1/tokenize')
    const answered = await post('/v1/multimodal/completions')
    const added = (answered.usage?.prompt_tokens ?? 0) - (asSent.prompt_tokens ?? 0)
    expect(added).toBeGreaterThan('Text found in picture 1:'.split(' ').length)
  } finally {
    await server.close()
  }
})

test('the plug-in that the documentation shows works as it stands', async () => {
  const page = readFileSync(new URL('../../docs/plugins.md', import.meta.url), 'utf8')
  const [, code = ''] = /```ts\n([\s\S]*?)```/.exec(page) ?? []
  const folder = mkdtempSync(join(tmpdir(), 'plugin-'))
  writeFileSync(join(folder, 'signature.ts'), code)
  const server = await startScriptedServer(['--plugin', join(folder, 'signature.ts')])
  try {
    server.runner.says('Hello')
    const response = await fetch(`${server.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ messages: [{ role: 'user', content: 'Hi' }] }),
    })
    const content = 'Hello\n\n(written by a machine)'
    expect(await response.json()).toMatchObject({ choices: [{ message: { content } }] })
  } finally {
    await server.close()
    rmSync(folder, { recursive: true })
  }
})
