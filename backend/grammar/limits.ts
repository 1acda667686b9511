/** A schema that is understood but would cost more than a grammar may. Becomes a 400 at compile. */
export class GrammarTooLargeError extends Error {
  override readonly name = 'GrammarTooLargeError'
}

export function grammarTooLarge(what: string): GrammarTooLargeError {
  return new GrammarTooLargeError(what)
}
