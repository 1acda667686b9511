import { parseDataUri } from '../../shared/data-uri.ts'
import { ApiError } from '../../shared/errors.ts'
import { lineTypes } from '../../shared/job-schema.ts'
import { parseRequest } from '../../shared/parse-request.ts'
import { contentDigestOf } from '../../shared/signing.ts'
import type { UrlPolicy } from '../../shared/url-rules.ts'
import {
  attachmentReference,
  bodyEnd,
  limitsPart,
  partEnd,
  partHead,
  requestPart,
  wireContentType,
} from '../../shared/wire-body.ts'
import type { CompletionEndpoint, JsonObject, PictureField } from '../endpoints.ts'
import { Attachments } from './attachments.ts'
import type { HeldBytes } from './byte-budget.ts'
import { ByteWriter } from './byte-writer.ts'
import { type Fetch, fetchImage, requireAllowedUrl } from './fetch-image.ts'
import { JsonLifter } from './json-lifter.ts'
import { type PictureLimits, pixelsOf, readPicture, type SizedPicture } from './picture.ts'
import { readBody } from './read-body.ts'
import { readForm } from './read-form.ts'

export interface IntakeLimits extends PictureLimits {
  readonly maxImages: number
  /** Of the JSON or the form's texts, pictures aside. */
  readonly maxTextBytes: number
  /** Of all that is read of one request. */
  readonly maxBodyBytes: number
  /** Tokens of an answer whose request leaves it open. */
  readonly defaultMaxNewTokens: number
}

/** A request taken in: its fields checked, its pictures at hand or yet to be fetched. */
export interface TakenIn {
  readonly request: JsonObject
  /** Sizes of the pictures that came with the request, and their bytes. */
  readonly sent: readonly SizedPicture[]
  /** URLs that passed the rules; nothing has been asked of them. */
  readonly toFetch: readonly PictureField[]
  /** UTF-8 bytes of the normalised JSON: at least the tokens of all its text. */
  readonly textBytes: number
  /** Tokens each of the answers may have at most. */
  readonly maxNewTokens: number
  readonly answers: number
  /** SHA-256 over everything the caller sent that matters: two requests with one fingerprint are the same request. */
  fingerprint(): Promise<string>
  fetchAll(fetch: Fetch, signal: AbortSignal): Promise<readonly SizedPicture[]>
  /**
   * The body to sign and send. Call once, after everything is fetched; valid until `release`.
   * @param limits tokens each line of a batch may take
   */
  finish(limits?: readonly number[] | undefined): { body: Uint8Array<ArrayBuffer>; contentType: string }
  release(): void
}

/** Fetched at once for one request; a Worker has six connections for everything. */
const maxParallelFetches = 4

/**
 * Reads, checks and normalises a completion request. Pictures are decoded straight into the body that will be sent.
 * @throws ApiError whatever is wrong with it, naming the field
 */
export async function takeIn(
  raw: Request,
  endpoint: CompletionEndpoint,
  limits: IntakeLimits,
  held: HeldBytes,
  policy: UrlPolicy,
): Promise<TakenIn> {
  const boundary = `glm-${crypto.randomUUID()}`
  const declared = Number(raw.headers.get('content-length') ?? 0)
  const body = new ByteWriter(held, Math.ceil(Math.min(declared, limits.maxBodyBytes) * 0.76) + 2048)
  const attachments = new Attachments(body, boundary, limits)
  const request = await readRequest(raw, endpoint, limits, held, attachments)
  const fields = endpoint.pictures(request)
  checkFields(fields, attachments, limits, policy)

  const sent = fields.flatMap(({ reference, param }) => {
    const attachment = attachments.list[attachments.indexOf(reference) ?? -1]
    return attachment ? [readPicture(attachments.bytes(attachment), limits, param)] : []
  })
  const toFetch = fields.filter(({ reference }) => attachments.indexOf(reference) === null)
  const fetched = new Map<PictureField, number>()
  const references = () =>
    fields.map((field) =>
      attachmentReference(attachments.indexOf(field.reference) ?? fetched.get(field) ?? 0),
    )
  const wanted = endpoint.wanted(request)
  const maxNewTokens = wanted.maxNewTokens ?? limits.defaultMaxNewTokens
  const encode = () => {
    const text = JSON.stringify(endpoint.normalise(request, references(), maxNewTokens))
    if (attachments.isIn(text)) throw new ApiError('invalid_request', 'a data: URI stands where text belongs')
    return new TextEncoder().encode(text)
  }
  let json = encode()

  return {
    request,
    sent,
    toFetch,
    textBytes: json.length,
    maxNewTokens,
    answers: wanted.answers,
    async fingerprint() {
      const digests = await Promise.all(
        fields.map(({ reference }) => {
          const attachment = attachments.list[attachments.indexOf(reference) ?? -1]
          return attachment ? contentDigestOf(attachments.bytes(attachment)) : reference
        }),
      )
      const whole = JSON.stringify([endpoint.path, endpoint.normalise(request, digests, maxNewTokens)])
      return contentDigestOf(new Uint8Array(new TextEncoder().encode(whole)))
    },
    async fetchAll(fetch, signal) {
      const sizes: SizedPicture[] = []
      const waiting = [...toFetch]
      const stop = new AbortController()
      const either = AbortSignal.any([signal, stop.signal])
      async function fetchNext(): Promise<void> {
        for (let field = waiting.shift(); field; field = waiting.shift()) {
          const { reference, param } = field
          const out = new ByteWriter(held, 0)
          await fetchImage(reference, out, { fetch, policy, param, signal: either, ...limits })
          attachments.begin()
          body.append(out.view())
          out.release()
          attachments.finish(null)
          const index = attachments.list.length - 1
          fetched.set(field, index)
          const attachment = attachments.list[index]
          if (attachment) sizes.push(readPicture(attachments.bytes(attachment), limits, param))
        }
      }
      try {
        await Promise.all(Array.from({ length: maxParallelFetches }, fetchNext))
        json = encode()
        return sizes
      } finally {
        stop.abort() // one bad picture ends the others' fetching
      }
    },
    finish(limits) {
      body.appendText(partHead(boundary, requestPart, 'application/json'))
      body.append(json)
      if (limits !== undefined) {
        body.appendText(`${partEnd}${partHead(boundary, limitsPart, 'application/json')}`)
        body.appendText(JSON.stringify(limits))
      }
      body.appendText(`${partEnd}${bodyEnd(boundary)}`)
      return { body: body.view(), contentType: wireContentType(boundary) }
    },
    release: () => body.release(),
  }
}

async function readRequest(
  raw: Request,
  endpoint: CompletionEndpoint,
  limits: IntakeLimits,
  held: HeldBytes,
  attachments: Attachments,
): Promise<JsonObject> {
  const contentType = raw.headers.get('content-type') ?? ''
  const mediaType = contentType.split(';', 1)[0]?.trim().toLowerCase()
  if (endpoint.parseLines) {
    if (!lineTypes.includes(mediaType ?? '')) {
      throw new ApiError('unsupported_media_type', `send ${lineTypes.join(' or ')}`)
    }
    return endpoint.parseLines(await readLifted(raw, limits, held, attachments))
  }
  if (mediaType === 'application/json') return readJson(raw, endpoint, limits, held, attachments)
  if (mediaType === 'multipart/form-data' && endpoint.takesForms)
    return readForm(raw, contentType, endpoint, limits, attachments)
  const accepted = endpoint.takesForms ? 'application/json or multipart/form-data' : 'application/json'
  throw new ApiError('unsupported_media_type', `send ${accepted}`)
}

async function readJson(
  raw: Request,
  { schema, quickSchema }: CompletionEndpoint,
  limits: IntakeLimits,
  held: HeldBytes,
  attachments: Attachments,
): Promise<JsonObject> {
  const value = parseJson(await readLifted(raw, limits, held, attachments))
  return quickSchema?.parse(value) ?? parseRequest(schema, value)
}

/** The text of a body without its pictures, which are lifted out of it. */
async function readLifted(
  raw: Request,
  { maxBodyBytes, maxTextBytes }: IntakeLimits,
  held: HeldBytes,
  attachments: Attachments,
): Promise<string> {
  const writer = new ByteWriter(held, 0)
  const lifter = new JsonLifter(writer, attachments)
  await readBody(raw, maxBodyBytes, (chunk) => {
    lifter.push(chunk)
    if (writer.length > maxTextBytes)
      throw new ApiError('body_too_large', `the text is over ${maxTextBytes} bytes`)
  })
  lifter.end()
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: false }).decode(writer.view())
  } catch (cause) {
    throw new ApiError('invalid_json', 'the body is not valid JSON in UTF-8', { cause })
  } finally {
    writer.release()
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new ApiError('invalid_json', 'the body is not valid JSON in UTF-8', { cause })
  }
}

/** Everything that can be said of the pictures before one is looked at or fetched. */
function checkFields(
  fields: readonly PictureField[],
  attachments: Attachments,
  { maxImages, maxImageBytes }: IntakeLimits,
  policy: UrlPolicy,
) {
  if (fields.length > maxImages) {
    const param = fields[0]?.param.replace(/\[\d+\]$/, '') ?? 'image'
    throw new ApiError('invalid_request', `${fields.length} pictures, at most ${maxImages} are accepted`, {
      param,
    })
  }
  for (const { param, reference } of fields) {
    const attachment = attachments.list[attachments.indexOf(reference) ?? -1]
    if (attachment?.problem) {
      throw new ApiError('invalid_image', `the data: URI is refused: ${attachment.problem}`, { param })
    }
    if (attachment) continue
    if (/^data:/i.test(reference)) throw refusedDataUri(reference, maxImageBytes, param)
    requireAllowedUrl(reference, policy, param)
  }
}

/** A data URI that was not lifted has something wrong with its beginning, or escapes within. */
function refusedDataUri(reference: string, maxImageBytes: number, param: string): ApiError {
  const parsed = parseDataUri(reference, maxImageBytes)
  const reason = parsed.type === 'invalid' ? parsed.reason : 'it is written with escapes'
  return new ApiError('invalid_image', `the data: URI is refused: ${reason}`, { param })
}

/** Bytes and pixels of pictures, as limits count them. */
export function sumOf(pictures: readonly SizedPicture[]): { imageBytes: number; pixels: number } {
  return {
    imageBytes: pictures.reduce((sum, { byteLength }) => sum + byteLength, 0),
    pixels: pictures.reduce((sum, picture) => sum + pixelsOf(picture), 0),
  }
}
