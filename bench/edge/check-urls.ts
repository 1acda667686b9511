import { readFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { backendVerdict, edgeVerdict, type Hosts } from './url-verdicts.ts'

// `npm run check-urls -- FILE`: which of these URLs would be fetched? Nothing is resolved and nobody is dialled.
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { expect: { type: 'string', default: 'refuse' }, hosts: { type: 'string' } },
})
const [file] = positionals
if (file === undefined || !['refuse', 'allow'].includes(values.expect)) {
  console.error('npm run check-urls -- FILE [--expect refuse|allow] [--hosts FILE]')
  process.exit(2)
}

const hosts: Hosts = values.hosts === undefined ? null : readHosts(await readFile(values.hosts, 'utf8'))
const urls = readUrls(await readFile(file, 'utf8'))
let unexpected = 0
for (const url of urls) {
  const verdicts = { edge: await edgeVerdict(url, hosts), backend: await backendVerdict(url, hosts) }
  for (const { allowed } of Object.values(verdicts))
    if (allowed !== (values.expect === 'allow')) unexpected += 1
  const told = Object.entries(verdicts).map(
    ([engine, { allowed, reason }]) => `${engine}: ${allowed ? 'allowed' : 'refused'} (${reason})`,
  )
  console.log(`${JSON.stringify(url)}\t${told.join('\t')}`)
}
console.log(`${urls.length} URLs, ${unexpected} verdicts other than ${values.expect}`)
process.exitCode = unexpected === 0 && urls.length > 0 ? 0 : 1

/** One URL a line; `#` begins a comment line, and a line in double quotes is a JSON string, for invisible characters. */
function readUrls(text: string): string[] {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return lines.map((line) => (line.startsWith('"') ? String(JSON.parse(line)) : line))
}

/** `name address` a line; a name may come several times. */
function readHosts(text: string): Map<string, string[]> {
  const found = new Map<string, string[]>()
  for (const line of text.split('\n').filter((entry) => entry.trim() !== '' && !entry.startsWith('#'))) {
    const [name = '', address = ''] = line.trim().split(/[\s,]+/)
    found.set(name.toLowerCase(), [...(found.get(name.toLowerCase()) ?? []), address])
  }
  return found
}
