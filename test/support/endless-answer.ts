/** Fields of a request whose answer cannot end before its length: the array it must write is longer. */
export function endlessAnswer(tokens: number) {
  const schema = { type: 'array', items: { type: 'integer' }, minItems: tokens }
  return {
    max_new_tokens: tokens,
    response_format: { type: 'json_schema', json_schema: { name: 'endless', schema } },
  } as const
}
