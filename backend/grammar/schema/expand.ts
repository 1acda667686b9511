import { type Applicator, affirm, lacking } from './affirm.ts'
import { type Builder, only, onObjects } from './alternatives.ts'
import { NegationError, negate } from './negate.ts'
import type { Alternative, Obligation } from './parts.ts'
import { type Assertion, SchemaError, type SchemaNode, types } from './schema-node.ts'

/** What expanding a node needs of the graph of obligations. */
export interface NodeExpander extends Builder {
  and(a: Obligation, b: Obligation): Obligation
  expand(obligation: Obligation): readonly Alternative[]
  product(lists: readonly (readonly Alternative[])[], at: SchemaNode): readonly Alternative[]
  disjoint(a: Obligation, b: Obligation): boolean
}

/**
 * The ways in which a node holds, or fails to.
 * @throws SchemaError
 */
export function expandNode(graph: NodeExpander, node: SchemaNode, holds: boolean): readonly Alternative[] {
  if (!holds) return node.assertions.flatMap((assertion) => breaking(graph, node, assertion))
  return graph.product(
    node.assertions.map((assertion) =>
      isApplicator(assertion) ? applied(graph, assertion) : affirm(graph, assertion),
    ),
    node,
  )
}

function applied(graph: NodeExpander, applicator: Applicator): readonly Alternative[] {
  switch (applicator.type) {
    case 'allOf':
      return graph.expand(graph.holdsAll(applicator.nodes))
    case 'anyOf':
      return applicator.nodes.flatMap((node) => graph.expand(graph.holds(node)))
    case 'oneOf':
      return exactlyOne(graph, applicator.nodes)
    case 'not':
      return graph.expand(graph.fails(applicator.node))
    case 'if':
      return [
        ...graph.expand(graph.and(graph.holds(applicator.condition), holdsOrAbsent(graph, applicator.met))),
        ...graph.expand(graph.and(graph.fails(applicator.condition), holdsOrAbsent(graph, applicator.unmet))),
      ]
    case 'dependentSchema':
      return [lacking(graph, applicator.name), ...graph.expand(graph.holds(applicator.node))]
  }
}

/** For each branch: it, and none of the others that could hold along with it. */
function exactlyOne(graph: NodeExpander, nodes: readonly SchemaNode[]): readonly Alternative[] {
  return nodes.flatMap((node, index) => {
    const branch = graph.holds(node)
    const alone = nodes.reduce((all, other, otherIndex) => {
      const excluded = index !== otherIndex && !graph.disjoint(branch, graph.holds(other))
      return excluded ? graph.and(all, graph.fails(other)) : all
    }, branch)
    return graph.expand(alone)
  })
}

function breaking(graph: NodeExpander, node: SchemaNode, assertion: Assertion): readonly Alternative[] {
  if (isApplicator(assertion)) return applicatorBreaking(graph, node, assertion)
  try {
    return negate(graph, assertion)
  } catch (error) {
    if (error instanceof NegationError) throw new SchemaError('not', node.path, error.message)
    throw error
  }
}

function applicatorBreaking(
  graph: NodeExpander,
  at: SchemaNode,
  applicator: Applicator,
): readonly Alternative[] {
  switch (applicator.type) {
    case 'allOf':
      return applicator.nodes.flatMap((node) => graph.expand(graph.fails(node)))
    case 'anyOf':
      return graph.expand(noneOf(graph, applicator.nodes))
    case 'oneOf': {
      const pairs = applicator.nodes.flatMap((node, index) =>
        applicator.nodes.slice(index + 1).flatMap((other) => graph.expand(graph.holdsAll([node, other]))),
      )
      return [...graph.expand(noneOf(graph, applicator.nodes)), ...pairs]
    }
    case 'not':
      return graph.expand(graph.holds(applicator.node))
    case 'if':
      return [
        ...graph.expand(
          graph.and(graph.holds(applicator.condition), failsUnlessAbsent(graph, applicator.met)),
        ),
        ...graph.expand(
          graph.and(graph.fails(applicator.condition), failsUnlessAbsent(graph, applicator.unmet)),
        ),
      ]
    case 'dependentSchema': {
      const present = only(types.object, onObjects(graph, { required: new Set([applicator.name]) }))
      return graph.product([[present], graph.expand(graph.fails(applicator.node))], at)
    }
  }
}

function noneOf(graph: NodeExpander, nodes: readonly SchemaNode[]): Obligation {
  return nodes.reduce((all, node) => graph.and(all, graph.fails(node)), graph.anything)
}

function holdsOrAbsent(graph: NodeExpander, node: SchemaNode | null): Obligation {
  return node === null ? graph.anything : graph.holds(node)
}

function failsUnlessAbsent(graph: NodeExpander, node: SchemaNode | null): Obligation {
  return node === null ? graph.nothing : graph.fails(node)
}

const applicators: ReadonlySet<Assertion['type']> = new Set([
  'allOf',
  'anyOf',
  'oneOf',
  'not',
  'if',
  'dependentSchema',
] satisfies Applicator['type'][])

function isApplicator(assertion: Assertion): assertion is Applicator {
  return applicators.has(assertion.type)
}
