/** One preprocessed picture, ready for the vision encoder. */
export interface Patches {
  /** Height and width in patches (before merging). */
  readonly grid: Grid
  /** f32 [height · width, channels · temporal · patch · patch], merge-block order. Transferred between threads, never copied. */
  readonly pixels: Float32Array<ArrayBuffer>
}

export interface Grid {
  readonly height: number
  readonly width: number
}
