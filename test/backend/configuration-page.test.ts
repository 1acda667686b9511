import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { flags } from '../../backend/config.ts'
import { configurationPage } from '../../backend/configuration-page.ts'

const page = readFileSync(new URL('../../docs/configuration.md', import.meta.url), 'utf8')

test('docs/configuration.md is what the table of flags says now (npm run docs)', () => {
  expect(page).toBe(configurationPage())
})

test('every flag has its row', () => {
  for (const name of Object.keys(flags)) expect(page).toMatch(new RegExp(`^\\| \`--${name}\` \\|`, 'm'))
})
