/**
 * Rewrites the string constants of a parsed chat template that can reach its output. What callers send is left alone,
 * so every test and filter of the template sees it as it is; only what the template itself spells gets marked.
 *
 * A constant that something is compared with (`'</think>' in content`, `content.split('</think>')`) stays unmarked:
 * it looks for text. If such a constant reaches the output after all, it comes out as plain text, never the reverse.
 * @param node any node of the library's syntax tree; string literals are changed in place
 */
export function markConstants(node: unknown, mark: (text: string) => string, compared = false): void {
  if (Array.isArray(node)) {
    for (const child of node) markConstants(child, mark, compared)
  } else if (node instanceof Map) {
    for (const [key, value] of node) {
      markConstants(key, mark, true)
      markConstants(value, mark, compared)
    }
  } else if (isNode(node)) {
    if (node.type === 'StringLiteral' && typeof node['value'] === 'string') {
      if (!compared) node['value'] = mark(node['value'])
      return
    }
    const comparing = comparingFields(node)
    for (const [field, child] of Object.entries(node)) {
      markConstants(child, mark, compared || comparing.includes(field))
    }
  }
}

interface SyntaxNode extends Record<string, unknown> {
  readonly type: string
}

function isNode(value: unknown): value is SyntaxNode {
  return typeof value === 'object' && value !== null && 'type' in value
}

const comparisons = ['==', '!=', '<', '<=', '>', '>=', 'in', 'not in']
/** The filters whose arguments become output. */
const outputFilters = ['join', 'default']

/** The node's fields whose constants are compared with something, not printed. */
function comparingFields(node: SyntaxNode): readonly string[] {
  switch (node.type) {
    case 'BinaryExpression':
      return comparisons.includes(nameOf(node['operator'])) ? ['left', 'right'] : []
    case 'CallExpression': // methods of strings search or strip their arguments; macros print theirs
      return isNode(node['callee']) && node['callee'].type === 'MemberExpression' ? ['args'] : []
    case 'FilterExpression':
    case 'FilterStatement':
      return outputFilters.includes(filterName(node['filter'])) ? [] : ['filter']
    case 'MemberExpression':
      return ['property']
    case 'TestExpression':
      return ['operand']
    default:
      return []
  }
}

function filterName(filter: unknown): string {
  return isNode(filter) && filter.type === 'CallExpression' ? nameOf(filter['callee']) : nameOf(filter)
}

function nameOf(value: unknown): string {
  return typeof value === 'object' && value !== null && 'value' in value ? String(value.value) : ''
}
