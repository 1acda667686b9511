/** Up to here a body is handed over as it is; the platform copies what it is handed. */
const wholeBytes = 256 * 1024
const chunkBytes = 128 * 1024

/** A body for `fetch` that is copied in pieces only; `sent` is called once the last one is on its way. */
export function sendableBody(body: Uint8Array<ArrayBuffer>, sent: () => void): BodyInit {
  if (body.length <= wholeBytes) {
    sent()
    return body
  }
  const { readable, writable } = new FixedLengthStream(body.length)
  // The other side may stop reading; `fetch` then tells what went wrong.
  write(body, writable).then(sent, sent)
  return readable
}

async function write(body: Uint8Array<ArrayBuffer>, writable: WritableStream<Uint8Array>) {
  const writer = writable.getWriter()
  for (let at = 0; at < body.length; at += chunkBytes) await writer.write(body.subarray(at, at + chunkBytes))
  await writer.close()
}
