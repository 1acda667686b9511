import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type WorkerdOptions, workerdConfig } from './workerd-config.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const quiet = { WRANGLER_SEND_METRICS: 'false', CLOUDFLARE_CF_FETCH_ENABLED: 'false', CI: '1' }

export type BundleOptions = Pick<WorkerdOptions, 'listen' | 'backends' | 'storage'> & {
  /** Folder the bundle and the configuration are written to. */
  readonly out: string
}

/**
 * Bundles the Worker as it would be deployed, writes workerd's configuration beside it and makes the storage folder.
 * Returns the configuration's path.
 * @throws when the bundle cannot be made
 */
export async function bundle({ out, ...options }: BundleOptions): Promise<string> {
  await mkdir(out, { recursive: true })
  await mkdir(options.storage, { recursive: true })
  const wrangler = join(root, 'node_modules/wrangler/bin/wrangler.js')
  const child = spawn(process.execPath, [wrangler, 'deploy', '--dry-run', '--outdir', out], {
    cwd: root,
    env: { ...process.env, ...quiet },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const errors: Buffer[] = []
  child.stderr.on('data', (chunk: Buffer) => errors.push(chunk))
  const [code] = await once(child, 'exit')
  if (code !== 0) throw new Error(`the edge could not be bundled:\n${Buffer.concat(errors).toString()}`)

  const path = join(out, 'workerd.capnp')
  const config = workerdConfig({ ...options, ...(await compatibility()), script: 'worker.js' })
  await writeFile(path, config)
  return path
}

/** The date and flags of the deployed Worker: what is tested here is what runs there. */
async function compatibility() {
  const toml = await readFile(join(root, 'wrangler.toml'), 'utf8')
  const compatibilityDate = /^compatibility_date = "([\d-]+)"$/m.exec(toml)?.[1]
  const list = /^compatibility_flags = \[([^\]]*)\]/m.exec(toml)?.[1]
  if (compatibilityDate === undefined || list === undefined)
    throw new Error('wrangler.toml names no compatibility')
  const compatibilityFlags = [...list.replaceAll(/#.*$/gm, '').matchAll(/"(\w+)"/g)].map(
    ([, flag = '']) => flag,
  )
  return { compatibilityDate, compatibilityFlags }
}
