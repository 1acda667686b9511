import { ApiError } from '../../shared/errors.ts'

/** One buffer serves a whole body: reading 20 MB leaves no garbage behind. */
const readBytes = 128 * 1024
/** Below this a body is read at once. */
const smallBytes = 32 * 1024

/**
 * Hands on a request's body as it comes, counting. A chunk is valid until the next.
 * @throws ApiError `body_too_large`; what `onChunk` throws
 */
export async function readBody(request: Request, maxBytes: number, onChunk: (chunk: Uint8Array) => void) {
  const declared = Number(request.headers.get('content-length') ?? Number.NaN)
  if (declared > maxBytes) throw tooLarge(maxBytes)
  if (declared <= smallBytes) {
    onChunk(new Uint8Array(await request.arrayBuffer()))
    return
  }
  // Touched by none but large bodies: the stream it makes costs more than a small body's bytes.
  const { body } = request
  if (!body) return
  const reader = body.getReader({ mode: 'byob' })
  try {
    await readAll(reader, maxBytes, onChunk)
  } catch (error) {
    reader.cancel(error).catch(() => {}) // the client may be gone already
    throw error
  }
}

async function readAll(
  reader: ReadableStreamBYOBReader,
  maxBytes: number,
  onChunk: (chunk: Uint8Array) => void,
) {
  let buffer = new ArrayBuffer(readBytes)
  let count = 0
  for (;;) {
    const { done, value } = await reader.readAtLeast(readBytes / 2, new Uint8Array(buffer))
    if (value) {
      count += value.length
      if (count > maxBytes) throw tooLarge(maxBytes)
      onChunk(value)
      buffer = value.buffer
    }
    if (done) return
  }
}

function tooLarge(maxBytes: number) {
  return new ApiError('body_too_large', `the request's body is over ${maxBytes} bytes`)
}
