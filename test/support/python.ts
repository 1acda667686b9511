import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const cacheDir = join(import.meta.dirname, '../../.cache')
const INSTALL_TIMEOUT_MS = 300_000

/**
 * A Python with these packages: an environment of its own, made once and kept by the list's content.
 * @throws when there is no Python 3 with `venv`, or pip reaches none of its indexes
 */
export async function pythonWith(requirementsFile: string): Promise<string> {
  const digest = createHash('sha256').update(readFileSync(requirementsFile)).digest('hex').slice(0, 16)
  const environment = join(cacheDir, `python-${digest}`)
  const python = join(environment, 'bin/python')
  if (existsSync(python)) return python
  const staged = `${environment}-${process.pid}`
  try {
    await run('python3', ['-m', 'venv', staged])
    const install = ['-m', 'pip', 'install', '--quiet', '--retries', '1', '--requirement', requirementsFile]
    await run(join(staged, 'bin/python'), install, { timeout: INSTALL_TIMEOUT_MS })
    renameSync(staged, environment)
    return python
  } catch (cause) {
    rmSync(staged, { recursive: true, force: true })
    const needs = `this test needs python3 with venv (Debian: apt-get install python3-venv) and a pip that finds ${requirementsFile}`
    throw new Error(needs, { cause })
  }
}
