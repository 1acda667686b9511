import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { buildVocabulary } from '../../backend/grammar/vocabulary.ts'
import { largeVocabulary } from './large-vocabulary.ts'
import type { ReplayResult } from './replay.ts'
import { ReplayLane } from './replay-lane.ts'
import { resultTable } from './result-table.ts'
import { type TokenTable, tokenTableOf } from './token-table.ts'

const root = join(import.meta.dirname, '../..')
const usage = 'npm run maskbench -- DIR [--every N] [--vocabulary model|large] [--notes FILE]'

/** Files replayed at once, each on a thread of its own. */
const lanes = 2

/** Replays a folder of MaskBench files (guidance-ai/jsonschemabench, maskbench/data) and prints what came of it. */
async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      every: { type: 'string', default: '1' },
      vocabulary: { type: 'string' },
      notes: { type: 'string' },
    },
  })
  const folder = positionals[0]
  if (folder === undefined) throw new Error(usage)
  const files = readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .sort()
    .filter((_, index) => index % Number(values.every) === 0)
  const model = join(root, 'models/glm4v-tiny')
  const tables: Readonly<Record<string, () => TokenTable>> = {
    model: () => tokenTableOf('default model', join(model, 'tokenizer.json'), join(model, 'config.json')),
    large: () => largeVocabulary(root, join(root, '.cache/maskbench/vocabulary.txt')),
  }
  const columns: { name: string; results: readonly ReplayResult[] }[] = []
  for (const [name, make] of Object.entries(tables)) {
    if (values.vocabulary !== undefined && values.vocabulary !== name) continue
    const table = make()
    const results = await replayAll(
      table,
      files.map((file) => join(folder, file)),
    )
    columns.push({ name: table.name, results })
    if (values.notes !== undefined) writeFileSync(`${values.notes}.${name}`, notes(files, results))
  }
  console.log(resultTable(columns))
}

async function replayAll(table: TokenTable, files: readonly string[]): Promise<ReplayResult[]> {
  const data = { table, vocabulary: buildVocabulary(table.tokenBytes, table.eosTokens) }
  const results: ReplayResult[] = []
  let next = 0
  const run = async () => {
    const lane = new ReplayLane(data)
    for (let index = next++; index < files.length; index = next++) {
      results[index] = await lane.replay(files[index] ?? '')
    }
    await lane.close()
  }
  await Promise.all(Array.from({ length: lanes }, run))
  return results
}

function notes(files: readonly string[], results: readonly ReplayResult[]): string {
  return results
    .map(({ verdict, note, compileMs }, index) =>
      [verdict, files[index], compileMs?.toFixed(1), note].join('\t'),
    )
    .join('\n')
}

await main()
