import { Machine } from './machine/machine.ts'
import { RuleBook } from './machine/rule-book.ts'
import type { State } from './machine/state.ts'
import { SchemaGraph } from './schema/schema-graph.ts'
import { SchemaError } from './schema/schema-node.ts'

/** A schema compiled: the states that its texts lead through. */
export interface Grammar {
  start(): State
  /** To be called after each token: the same place, so that a long text does not fill tables without end. */
  renew(state: State): State
  /** Lets go of states that can be made again; those in use stay good. */
  forget(): void
}

/**
 * @throws SchemaError naming a keyword and its path, when the schema cannot be enforced
 * @throws GrammarTooLargeError when it could, but at too high a cost
 */
export function compileGrammar(schema: unknown): Grammar {
  const book = new RuleBook(new SchemaGraph(schema))
  if (!Number.isFinite(book.heightOf(book.graph.root)))
    throw new SchemaError('$schema', '#', 'no value fulfils it')
  book.checkAll()
  return new Machine(book)
}
