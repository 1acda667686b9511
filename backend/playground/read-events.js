/** More than any event of ours: a server that sends no line end must not fill the tab's memory. */
const MAX_PENDING_CHARACTERS = 4_000_000

/**
 * The `data:` of a server-sent event stream, one event at a time, up to `[DONE]`. Leaving the loop closes the stream.
 * @param {ReadableStream<Uint8Array<ArrayBuffer>>} body
 * @returns {AsyncGenerator<string>}
 */
export async function* readEvents(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader()
  let rest = ''
  try {
    for (let { done, value } = await reader.read(); !done; { done, value } = await reader.read()) {
      const lines = (rest + value).split('\n')
      rest = lines.pop() ?? ''
      if (rest.length > MAX_PENDING_CHARACTERS) throw new Error('an event of the stream does not end')
      for (const line of lines) {
        if (!line.startsWith('data:')) continue
        const data = line.slice('data:'.length).trim()
        if (data === '[DONE]') return
        yield data
      }
    }
  } finally {
    await reader.cancel().catch(() => {}) // a stream that broke is closed already
  }
}
