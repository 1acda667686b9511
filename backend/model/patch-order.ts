import type { VisionConfig } from './model-config.ts'
import type { Grid } from './patches.ts'

/**
 * Row and column, in the un-merged grid, of every patch in the order the model reads them: blocks of
 * `mergeSize` × `mergeSize` row by row, and row by row inside a block.
 */
export function patchOrder(grid: Grid, { mergeSize }: Pick<VisionConfig, 'mergeSize'>) {
  const rows = new Int32Array(grid.height * grid.width)
  const columns = new Int32Array(grid.height * grid.width)
  let patch = 0
  for (let blockRow = 0; blockRow < grid.height; blockRow += mergeSize) {
    for (let blockColumn = 0; blockColumn < grid.width; blockColumn += mergeSize) {
      for (let inner = 0; inner < mergeSize * mergeSize; inner += 1) {
        rows[patch] = blockRow + Math.floor(inner / mergeSize)
        columns[patch] = blockColumn + (inner % mergeSize)
        patch += 1
      }
    }
  }
  return { rows, columns }
}
