import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'

const Case = z.object({
  /** File name, or several for a question about several pictures. */
  image: z.union([z.string().min(1), z.array(z.string().min(1)).min(1)]),
  prompt: z.string().min(1),
  answer: z.string().min(1),
  task: z.string().min(1),
})
export type Case = z.infer<typeof Case>

/** The cases of a suite folder. @throws when a line is not a case; the message names the line. */
export function readSuite(folder: string): Case[] {
  const lines = readFileSync(join(folder, 'cases.jsonl'), 'utf8').split('\n')
  return lines.flatMap((line, index) => {
    if (line.trim() === '') return []
    const parsed = Case.safeParse(JSON.parse(line))
    if (!parsed.success) throw new Error(`cases.jsonl line ${index + 1}: ${z.prettifyError(parsed.error)}`)
    return [parsed.data]
  })
}

/** The bytes of a case's pictures as data URIs, in order. */
export function readPictures(folder: string, { image }: Case): string[] {
  return [image].flat().map((name) => {
    const type = name.endsWith('.png') ? 'image/png' : name.endsWith('.webp') ? 'image/webp' : 'image/jpeg'
    return `data:${type};base64,${readFileSync(join(folder, name)).toString('base64')}`
  })
}
