import { multimodalRequest } from '../../shared/completion-schema.ts'
import { ApiError } from '../../shared/errors.ts'
import { formFieldValue } from '../../shared/form-field.ts'
import { parseRequest } from '../../shared/parse-request.ts'
import type { CompletionEndpoint, JsonObject } from '../endpoints.ts'
import type { Attachments } from './attachments.ts'
import type { IntakeLimits } from './intake.ts'
import { boundaryOf, MultipartParser, type PartHead, type PartSink } from './multipart-parser.ts'
import { readBody } from './read-body.ts'

const imageNames: readonly string[] = ['image', 'image[]']

/**
 * Reads a form as it comes in; its files go straight into the body to be sent.
 * @throws ApiError `invalid_request`, and what the fields' schema throws
 */
export async function readForm(
  raw: Request,
  contentType: string,
  { schema }: CompletionEndpoint,
  limits: IntakeLimits,
  attachments: Attachments,
): Promise<JsonObject> {
  const boundary = boundaryOf(contentType)
  if (boundary === null) throw new ApiError('invalid_request', 'multipart/form-data needs a boundary')
  const form = new FormFields(attachments, limits.maxTextBytes)
  const parser = new MultipartParser(boundary, (head) => form.open(head))
  await readBody(raw, limits.maxBodyBytes, (chunk) => parser.push(chunk))
  parser.end()
  return parseRequest(schema, form.request())
}

/** The fields of one form. */
class FormFields {
  readonly #attachments: Attachments
  readonly #maxTextBytes: number
  readonly #images: string[] = []
  readonly #texts = new Map<string, string[]>()
  #textBytes = 0

  constructor(attachments: Attachments, maxTextBytes: number) {
    this.#attachments = attachments
    this.#maxTextBytes = maxTextBytes
  }

  open({ name, isFile }: PartHead): PartSink {
    if (!isFile) return this.#text(name)
    if (imageNames.includes(name)) return this.#image()
    throw new ApiError('invalid_request', `${name} must be text, not a file`, { param: name })
  }

  request(): JsonObject {
    const images = this.#images.length === 1 ? this.#images[0] : this.#images
    const fields = [...this.#texts].map(([name, values]) => {
      const value = values.length === 1 ? values[0] : values
      return [name, typeof value === 'string' ? formFieldValue(multimodalRequest.shape, name, value) : value]
    })
    return { ...Object.fromEntries(fields), ...(this.#images.length > 0 ? { image: images } : {}) }
  }

  #image(): PartSink {
    const attachments = this.#attachments
    attachments.begin()
    return {
      write: (bytes) => {
        attachments.writer.append(bytes)
        attachments.checkSize()
      },
      end: () => this.#images.push(attachments.finish(null)),
    }
  }

  #text(name: string): PartSink {
    const decoder = new TextDecoder()
    let text = ''
    return {
      write: (bytes) => {
        this.#textBytes += bytes.length
        if (this.#textBytes > this.#maxTextBytes) {
          throw new ApiError('body_too_large', `the text is over ${this.#maxTextBytes} bytes`)
        }
        text += decoder.decode(bytes, { stream: true })
      },
      end: () => {
        const target = imageNames.includes(name) ? this.#images : this.#textsOf(name)
        target.push(text + decoder.decode())
      },
    }
  }

  #textsOf(name: string): string[] {
    const values = this.#texts.get(name) ?? []
    this.#texts.set(name, values)
    return values
  }
}
