/**
 * The body of a signed request: `multipart/form-data` (RFC 7578) with one part per picture, `image-0`, `image-1`, …,
 * raw bytes, and last the part `request`, JSON. Where a picture stands in the JSON, `attachment:0` names its part.
 */
export const requestPart = 'request'

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

/** The JSON and the pictures of a signed request's body, once its digest has been checked. @throws on any other form. */
export async function readWireBody(
  body: Uint8Array<ArrayBuffer>,
  contentType: string,
): Promise<{ request: unknown; attachments: Uint8Array<ArrayBuffer>[] }> {
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
  return { request: JSON.parse(await request.text()), attachments }
}
