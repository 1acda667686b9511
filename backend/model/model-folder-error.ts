/** Something in a model folder is missing, damaged or unsupported. The message is one line for the operator. */
export class ModelFolderError extends Error {
  override readonly name = 'ModelFolderError'
  /** The file at fault, as given: a path or a name within the folder. */
  readonly file: string

  constructor(file: string, problem: string, options?: ErrorOptions) {
    super(`${file}: ${problem}`, options)
    this.file = file
  }
}
