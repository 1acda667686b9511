import { type Matrix, stackRows, type TensorSource } from '../checkpoint/matrix.ts'

/** The tensors under one prefix of a model's names. */
export class Tensors {
  readonly #source: TensorSource
  readonly #prefix: string

  constructor(source: TensorSource, prefix: string) {
    this.#source = source
    this.#prefix = prefix
  }

  under(prefix: string): Tensors {
    return new Tensors(this.#source, `${this.#prefix}${prefix}.`)
  }

  /** @throws ModelFolderError when it is missing or of another shape. */
  weight(name: string, shape: readonly number[]): Matrix {
    return this.#source.matrix(`${this.#prefix}${name}.weight`, shape)
  }

  /** null where the layer has none. */
  bias(name: string, length: number, present = true): Matrix | null {
    return present ? this.#source.matrix(`${this.#prefix}${name}.bias`, [length]) : null
  }

  /** Several projections of one input as one. */
  stackedWeight(parts: readonly { readonly name: string; readonly rows: number }[], columns: number): Matrix {
    return stackRows(
      this.#joined(parts, 'weight'),
      parts.map(({ name, rows }) => this.weight(name, [rows, columns])),
    )
  }

  stackedBias(
    parts: readonly { readonly name: string; readonly rows: number }[],
    present: boolean,
  ): Matrix | null {
    if (!present) return null
    const biases = parts.map(({ name, rows }) => this.bias(name, rows)).filter((bias) => bias !== null)
    return stackRows(this.#joined(parts, 'bias'), biases)
  }

  #joined(parts: readonly { readonly name: string }[], kind: string) {
    return `${this.#prefix}${parts.map(({ name }) => name).join('+')}.${kind}`
  }
}
