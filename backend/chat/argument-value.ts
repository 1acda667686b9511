/**
 * What the text of a tool call's argument stands for. The model writes strings bare and everything else as JSON, so
 * `12` alone does not say which it is: the tool's schema does.
 * @param schema JSON schema of the argument; undefined when the tool does not declare it
 */
export function argumentValue(text: string, schema: unknown): unknown {
  const types = schemaTypes(schema)
  if (types !== null && types.size === 1 && types.has('string')) return text
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return text // not JSON: a bare string
  }
  const fits = types === null || typesOf(value).some((type) => types.has(type))
  return fits || !types.has('string') ? value : text
}

/** The JSON types a schema allows, null when it does not say. */
function schemaTypes(schema: unknown): ReadonlySet<string> | null {
  if (typeof schema !== 'object' || schema === null) return null
  if ('type' in schema) return new Set([schema.type].flat().map(String))
  if ('const' in schema) return new Set(typesOf(schema.const))
  if ('enum' in schema && Array.isArray(schema.enum)) return new Set(schema.enum.flatMap(typesOf))
  const branches = 'anyOf' in schema ? schema.anyOf : 'oneOf' in schema ? schema.oneOf : null
  if (!Array.isArray(branches)) return null
  const types = branches.map(schemaTypes)
  return types.includes(null) ? null : new Set(types.flatMap((set) => [...(set ?? [])]))
}

function typesOf(value: unknown): string[] {
  if (value === null) return ['null']
  if (Array.isArray(value)) return ['array']
  if (typeof value === 'number') return Number.isInteger(value) ? ['integer', 'number'] : ['number']
  return [typeof value]
}
