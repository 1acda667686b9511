import assert from 'node:assert/strict'

/** A weight matrix [rows, columns] that is read block by block, so that it never has to be in memory as a whole. */
export interface Matrix {
  /** The source tensor, for names and messages. */
  readonly name: string
  readonly rows: number
  readonly columns: number
  /** Fills `into` with the rows from `first` on. */
  read(first: number, into: Float32Array): Promise<void>
}

/** Where the tensors of a model come from. */
export interface TensorSource {
  /**
   * A tensor as a matrix: its first dimension is the rows, the others together the columns (a vector has one).
   * @throws ModelFolderError when it is missing or of another shape.
   */
  matrix(name: string, shape: readonly number[]): Matrix
}

/** Matrices of equal width under one another: projections that share their input become one product. */
export function stackRows(name: string, matrices: readonly Matrix[]): Matrix {
  const columns = matrices[0]?.columns ?? 0
  assert(
    matrices.every((matrix) => matrix.columns === columns),
    `${name}: stacked matrices are equally wide`,
  )
  return {
    name,
    rows: matrices.reduce((sum, { rows }) => sum + rows, 0),
    columns,
    async read(first, into) {
      const last = first + into.length / columns
      let start = 0
      for (const matrix of matrices) {
        const from = Math.max(first, start)
        const to = Math.min(last, start + matrix.rows)
        if (from < to)
          await matrix.read(from - start, into.subarray((from - first) * columns, (to - first) * columns))
        start += matrix.rows
      }
    },
  }
}

/** Reorders the columns: column `c` of the result is column `order[c]` of the matrix. */
export function permuteColumns(matrix: Matrix, order: Int32Array): Matrix {
  const { columns } = matrix
  assert(order.length === columns, `${matrix.name}: the order names every column`)
  return {
    ...matrix,
    async read(first, into) {
      await matrix.read(first, into)
      const row = new Float32Array(columns)
      for (let start = 0; start < into.length; start += columns) {
        row.set(into.subarray(start, start + columns))
        for (let c = 0; c < columns; c += 1) into[start + c] = row[order[c] ?? 0] ?? 0
      }
    },
  }
}

/** Whole rows of a matrix, in order. `values` is reused by the next block. */
export interface RowBlock {
  readonly first: number
  readonly rows: number
  /** [rows, columns] */
  readonly values: Float32Array
}

/** About 16 MiB of f32: large enough that reading is sequential, small beside everything else. */
const blockElements = 4 * 1024 * 1024

/** Walks a matrix in blocks of whole rows. */
export async function* rowBlocks(matrix: Matrix): AsyncGenerator<RowBlock> {
  const rowsPerBlock = Math.min(matrix.rows, Math.max(1, Math.floor(blockElements / matrix.columns)))
  const buffer = new Float32Array(rowsPerBlock * matrix.columns)
  for (let first = 0; first < matrix.rows; first += rowsPerBlock) {
    const rows = Math.min(rowsPerBlock, matrix.rows - first)
    const values = buffer.subarray(0, rows * matrix.columns)
    await matrix.read(first, values)
    yield { first, rows, values }
  }
}
