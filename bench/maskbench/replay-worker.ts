import assert from 'node:assert'
import { parentPort, workerData } from 'node:worker_threads'
import type { Vocabulary } from '../../backend/grammar/vocabulary.ts'
import { replayFile } from './replay.ts'
import { greedyTokenizer, type TokenTable } from './token-table.ts'

/** What a replaying thread starts with. */
export interface ReplayData {
  readonly vocabulary: Vocabulary
  readonly table: TokenTable
}

const port = parentPort
assert(port !== null, 'runs as a worker thread')
const { vocabulary, table }: ReplayData = workerData
const tokenize = greedyTokenizer(table)
port.on('message', (file: string) => port.postMessage(replayFile(vocabulary, tokenize, file)))
