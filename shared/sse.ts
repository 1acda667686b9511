/**
 * Lines that every event of a signed request's stream is preceded by: `: usage <prompt> <completion>`, the tokens read
 * and written so far. A comment to every client (WHATWG HTML, 9.2.6), the exact count of a broken-off answer to the edge.
 */
export function usageComment(promptTokens: number, completionTokens: number): string {
  return `: usage ${promptTokens} ${completionTokens}\n`
}

export interface StreamUsage {
  readonly promptTokens: number
  readonly completionTokens: number
}

/** The last usage comment in a text of whole lines; null when there is none. */
export function lastUsageComment(text: string): StreamUsage | null {
  const start = text.lastIndexOf('\n: usage ')
  const line = start === -1 ? text : text.slice(start + 1)
  const match = /^: usage (\d{1,9}) (\d{1,9})\r?\n/.exec(line)
  return match ? { promptTokens: Number(match[1]), completionTokens: Number(match[2]) } : null
}

/** The last event of a stream that ended as it should. */
export const streamEnd = 'data: [DONE]'

export function sseEvent(data: string): string {
  return `data: ${data}\n\n`
}
