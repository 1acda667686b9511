/** May everything we ship be shipped? `npm run licences` reads the lockfile's packages as installed, without devDependencies. */
import { execFileSync } from 'node:child_process'

/** Permissive licences, and libvips's, whose library sharp loads as a shared object of its own. */
const allowed = new Set([
  '0BSD',
  'Apache-2.0',
  'BlueOak-1.0.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'CC0-1.0',
  'ISC',
  'LGPL-3.0-or-later',
  'MIT',
  'MIT-0',
  'Python-2.0',
  'Unlicense',
  'Zlib',
])

interface Component {
  readonly name: string
  readonly version: string
  readonly licenses?: readonly { readonly license?: { readonly id?: string }; readonly expression?: string }[]
}

const sbom = execFileSync('npm', ['sbom', '--omit=dev', '--sbom-format=cyclonedx'], {
  encoding: 'utf8',
  maxBuffer: 64 * 1024 * 1024,
  stdio: ['ignore', 'pipe', 'ignore'],
})
const { components } = JSON.parse(sbom) as { components: readonly Component[] }
const used = new Map<string, string[]>()
for (const { name, version, licenses } of components) {
  const licence =
    licenses?.map(({ license, expression }) => license?.id ?? expression ?? '').join(' AND ') || 'none stated'
  used.set(licence, [...(used.get(licence) ?? []), `${name}@${version}`])
}
const isAllowed = (licence: string) =>
  licence.split(/ AND /).every((part) =>
    part
      .replaceAll(/[()]/g, '')
      .split(/ OR /)
      .some((choice) => allowed.has(choice.trim())),
  )
const refused = [...used].filter(([licence]) => !isAllowed(licence))
for (const [licence, packages] of [...used].toSorted())
  console.log(`${licence.padEnd(40)} ${packages.length}`)
for (const [licence, packages] of refused) console.error(`not allowed: ${licence}: ${packages.join(', ')}`)
process.exitCode = refused.length === 0 ? 0 : 1
