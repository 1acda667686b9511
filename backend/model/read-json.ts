import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { z } from 'zod'
import { ModelFolderError } from './model-folder-error.ts'

/** The text of a file of the folder, or null when there is none. */
export async function readOptionalText(dir: string, name: string): Promise<string | null> {
  try {
    return await readFile(join(dir, name), 'utf8')
  } catch (error) {
    if (isMissing(error)) return null
    throw new ModelFolderError(name, `cannot be read (${errorCode(error)})`, { cause: error })
  }
}

/**
 * One JSON file of the folder, checked; null when there is no such file.
 * @throws ModelFolderError naming the file and every field at fault.
 */
export async function readOptionalJson<T extends z.ZodType>(dir: string, name: string, schema: T) {
  const text = await readOptionalText(dir, name)
  return text === null ? null : parseJson(name, text, schema)
}

/** As `readOptionalJson`, for a file that must be there. */
export async function readJson<T extends z.ZodType>(dir: string, name: string, schema: T) {
  const value = await readOptionalJson(dir, name, schema)
  if (value === null) throw new ModelFolderError(name, `is missing in ${dir}`)
  return value
}

function parseJson<T extends z.ZodType>(name: string, text: string, schema: T): z.infer<T> {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (error) {
    throw new ModelFolderError(name, 'is not valid JSON', { cause: error })
  }
  const result = schema.safeParse(json)
  if (result.success) return result.data
  const problems = result.error.issues.map(
    ({ path, message }) => `${path.join('.') || 'the file'}: ${message}`,
  )
  throw new ModelFolderError(name, problems.join('; '))
}

function errorCode(error: unknown) {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown error'
}

function isMissing(error: unknown) {
  return errorCode(error) === 'ENOENT'
}
