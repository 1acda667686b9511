import { ApiError } from '../shared/errors.ts'

/** The promise, or an `ApiError` with `message` once `timeoutMs` have passed without it. */
export async function withDeadline<T>(promise: Promise<T>, timeoutMs: number, message: string): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new ApiError('deadline_exceeded', message)), timeoutMs)
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}
