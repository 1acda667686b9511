import { type Fields, isRecord } from './fields.ts'

const maxScanned = 200_000

/** Finds what a `$ref` names: a JSON pointer into the document, or a subschema's own `$anchor`, `$id` or `id`. */
export function resolveReference(
  document: unknown,
  fields: Fields,
  reference: string,
): { target: unknown; path: string } {
  const local = withoutBase(document, reference)
  if (local === '' || local === '#') return { target: document, path: '#' }
  if (local.startsWith('#/')) return followPointer(document, fields, local)
  const found = local.startsWith('#') || !local.includes('#') ? findNamed(document, local) : null
  if (found === null)
    throw fields.fail('$ref', `"${reference}" is not in this schema; others are never fetched`)
  return found
}

function withoutBase(document: unknown, reference: string): string {
  const base = isRecord(document) ? (document['$id'] ?? document['id']) : undefined
  if (typeof base !== 'string' || base === '' || base.startsWith('#')) return reference
  const bare = base.replace(/#$/, '')
  return reference === bare || reference.startsWith(`${bare}#`) ? reference.slice(bare.length) : reference
}

function followPointer(
  document: unknown,
  fields: Fields,
  pointer: string,
): { target: unknown; path: string } {
  let target = document
  let path = '#'
  for (const part of pointer.slice(2).split('/')) {
    const key = unescapePart(part)
    const holds = typeof target === 'object' && target !== null && Object.hasOwn(target, key)
    if (!holds) throw fields.fail('$ref', `"${pointer}" leads nowhere`)
    target = (target as Record<string, unknown>)[key] // an object or array that owns the key, as just checked
    path += `/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`
  }
  return { target, path }
}

function unescapePart(part: string): string {
  const decoded = /%[0-9A-Fa-f]{2}/.test(part) ? tolerantDecode(part) : part
  return decoded.replaceAll('~1', '/').replaceAll('~0', '~')
}

function tolerantDecode(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part // a lone percent sign is the key's own
  }
}

/** Looks through the whole document, breadth first, for the subschema that calls itself `name`. */
function findNamed(document: unknown, name: string): { target: unknown; path: string } | null {
  const queue: { value: unknown; path: string }[] = [{ value: document, path: '#' }]
  for (const { value, path } of queue) {
    if (queue.length > maxScanned) return null
    if (typeof value !== 'object' || value === null) continue
    if (isRecord(value) && names(value, name)) return { target: value, path }
    for (const [key, child] of Object.entries(value)) {
      queue.push({ value: child, path: `${path}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}` })
    }
  }
  return null
}

function names(schema: Record<string, unknown>, name: string): boolean {
  return schema['$id'] === name || schema['id'] === name || `#${String(schema['$anchor'])}` === name
}
