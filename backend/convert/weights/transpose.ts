import { type Matrix, type RowBlock, rowBlocks } from '../checkpoint/matrix.ts'

/** The elements a weight can be stored in. */
export type Elements = Float32Array | Uint16Array | Int8Array

/** Bytes of one stripe of a transpose, held in memory at a time; a larger matrix is read once per stripe. */
const maxStripeBytes = 256 * 1024 * 1024
const tile = 64

/**
 * Writes the transpose of a matrix, [columns, rows], stripe by stripe. `encode` turns a block of the matrix's rows
 * into elements; for a matrix of several stripes it sees every block several times.
 */
export async function writeTransposed<T extends Elements>(
  matrix: Matrix,
  create: (length: number) => T,
  encode: (block: RowBlock) => T,
  put: (offset: number, bytes: Uint8Array) => Promise<void>,
  stripeBytes = maxStripeBytes,
) {
  const { rows, columns } = matrix
  const elementBytes = create(0).BYTES_PER_ELEMENT
  const widest = Math.max(1, Math.floor(stripeBytes / (rows * elementBytes)))
  const buffer = create(Math.min(widest, columns) * rows)
  for (let firstColumn = 0; firstColumn < columns; firstColumn += widest) {
    const width = Math.min(widest, columns - firstColumn)
    for await (const block of rowBlocks(matrix)) {
      transposeBlock(encode(block), block, columns, { values: buffer, firstColumn, width, rows })
    }
    await put(firstColumn * rows * elementBytes, bytesOf(buffer.subarray(0, width * rows)))
  }
}

/** The bytes of a typed array, in place. */
export function bytesOf(values: Elements) {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
}

interface Stripe {
  /** [width, rows] */
  readonly values: Elements
  readonly firstColumn: number
  readonly width: number
  readonly rows: number
}

/** Tile by tile, so that reads and writes both stay in the cache. */
function transposeBlock(source: Elements, block: RowBlock, columns: number, stripe: Stripe) {
  for (let c0 = 0; c0 < stripe.width; c0 += tile) {
    const c1 = Math.min(c0 + tile, stripe.width)
    for (let r0 = 0; r0 < block.rows; r0 += tile) {
      const r1 = Math.min(r0 + tile, block.rows)
      for (let c = c0; c < c1; c += 1) {
        const out = c * stripe.rows + block.first
        const from = stripe.firstColumn + c
        for (let r = r0; r < r1; r += 1) stripe.values[out + r] = source[r * columns + from] ?? 0
      }
    }
  }
}
