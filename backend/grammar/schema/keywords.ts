/** Keywords of JSON Schema's own vocabularies that are refused wherever they stand. */
export const refusedKeywords: Readonly<Record<string, string>> = {
  unevaluatedProperties: 'cannot be enforced; say "additionalProperties"',
  unevaluatedItems: 'cannot be enforced; say "items"',
  $dynamicRef: 'cannot be enforced; say "$ref"',
  $recursiveRef: 'cannot be enforced; say "$ref"',
}
