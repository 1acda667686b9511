import { readFileSync } from 'node:fs'

/** The URLs of `test/fixtures/urls/<name>`: comments and blank lines left out, quoted lines unquoted. */
export function readUrlList(name: 'refused.txt' | 'allowed.txt'): readonly string[] {
  return readFileSync(new URL(`../fixtures/urls/${name}`, import.meta.url), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => (line.startsWith('"') ? JSON.parse(line) : line))
}
