/** An error of the operating system, as Node reports it: the disk, the network, permissions. Its message is one line. */
export function isSystemError(error: unknown): error is Error & { readonly code: string } {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && 'syscall' in error
}
