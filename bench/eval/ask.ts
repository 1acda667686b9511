import { z } from 'zod'

const Completion = z.object({
  choices: z.array(z.object({ message: z.object({ content: z.string() }) })).min(1),
})

export interface Question {
  readonly url: string
  readonly images: readonly string[]
  readonly prompt: string
  readonly apiKey: string | null
  readonly signal: AbortSignal
}

/** The server's answer at temperature 0. @throws on any answer but 200. */
export async function ask({ url, images, prompt, apiKey, signal }: Question): Promise<string> {
  const response = await fetch(new URL('/v1/multimodal/completions', url), {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(apiKey === null ? {} : { authorization: `Bearer ${apiKey}` }),
    },
    body: JSON.stringify({ image: images.length === 1 ? images[0] : images, prompt, temperature: 0 }),
    signal,
  })
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`)
  return Completion.parse(await response.json()).choices[0]?.message.content ?? ''
}
