import type { MultimodalRequest } from '../../shared/completion-schema.ts'
import type { ImageInput } from '../completion/completion-request.ts'

/** A request as a job holds it: pictures that came as files are data URIs in it. */
export function jobRequest(
  request: Omit<MultimodalRequest, 'image'>,
  images: readonly ImageInput[],
): MultimodalRequest {
  // The label does not matter: the bytes decide the format.
  const references = images.map((image) =>
    image.type === 'reference'
      ? image.reference
      : `data:image/png;base64,${Buffer.from(image.bytes).toString('base64')}`,
  )
  const [first, ...more] = references
  return { ...request, image: first !== undefined && more.length === 0 ? first : references }
}
