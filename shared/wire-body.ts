import { z } from 'zod'

/**
 * The body of a signed request: `multipart/form-data` (RFC 7578) with one part per picture, `image-0`, `image-1`, …,
 * raw bytes, and last the part `request`, JSON. Where a picture stands in the JSON, `attachment:0` names its part.
 */
export const requestPart = 'request'
/** Of a batch alone: JSON, the tokens each of its lines may take at most. */
export const limitsPart = 'limits'

const attachmentPrefix = 'attachment:'

export function attachmentReference(index: number): string {
  return `${attachmentPrefix}${index}`
}

/** The number in `attachment:N`; null for any other text. */
export function attachmentIndex(reference: string): number | null {
  return /^attachment:\d{1,4}$/.test(reference) ? Number(reference.slice(attachmentPrefix.length)) : null
}

export function attachmentPart(index: number): string {
  return `image-${index}`
}

export function wireContentType(boundary: string): string {
  return `multipart/form-data; boundary=${boundary}`
}

/** What stands before a part's content. A file name makes it a file to every parser. */
export function partHead(boundary: string, name: string, contentType: string): string {
  return `--${boundary}\r\nContent-Disposition: form-data; name="${name}"; filename="${name}"\r\nContent-Type: ${contentType}\r\n\r\n`
}

export const partEnd = '\r\n'

export function bodyEnd(boundary: string): string {
  return `--${boundary}--\r\n`
}

export interface WireRequest {
  readonly request: unknown
  readonly attachments: Uint8Array<ArrayBuffer>[]
  /** Tokens each line of a batch may take; empty for anything else. */
  readonly limits: readonly number[]
}

const limitList = z.array(z.int().positive())

/** The JSON and the pictures of a signed request's body, once its digest has been checked. @throws on any other form. */
export async function readWireBody(body: Uint8Array<ArrayBuffer>, contentType: string): Promise<WireRequest> {
  const form = await new Response(body, { headers: { 'content-type': contentType } }).formData()
  const request = form.get(requestPart)
  if (request === null || typeof request === 'string') throw new Error('a signed body has a part "request"')
  const attachments: Uint8Array<ArrayBuffer>[] = []
  for (
    let part = form.get(attachmentPart(0));
    part !== null;
    part = form.get(attachmentPart(attachments.length))
  ) {
    if (typeof part === 'string') throw new Error('a picture of a signed body is a file')
    attachments.push(new Uint8Array(await part.arrayBuffer()))
  }
  const limits = form.get(limitsPart)
  const given = limits === null ? [] : JSON.parse(typeof limits === 'string' ? limits : await limits.text())
  return { request: JSON.parse(await request.text()), attachments, limits: limitList.parse(given) }
}
