/** Whether a `Prefer` header asks for an answer later rather than none (RFC 7240, section 4.1). */
export function prefersAsync(header: string | undefined): boolean {
  return (header ?? '').split(/[,;]/).some((token) => token.trim().toLowerCase() === 'respond-async')
}
