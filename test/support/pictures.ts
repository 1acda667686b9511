import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

interface SamplePicture {
  readonly image: string
  readonly prompt: string
  readonly answer: string
}

export const samplePath = (name: string) => fileURLToPath(new URL(`../../examples/${name}`, import.meta.url))

/** The pictures in examples/ with the words that are on them. */
export const samplePictures: readonly SamplePicture[] = JSON.parse(
  readFileSync(samplePath('answers.json'), 'utf8'),
)

export function dataUri(bytes: Uint8Array, type = 'image/png'): string {
  return `data:${type};base64,${Buffer.from(bytes).toString('base64')}`
}
