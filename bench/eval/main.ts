/** How often is the served model right? `npm run eval -- --suite DIR [--url http://127.0.0.1:8080] [--json]` */
import { parseArgs } from 'node:util'
import { ask } from './ask.ts'
import { type Case, readPictures, readSuite } from './read-suite.ts'
import { normalise, type Outcome, score, type TaskScore } from './score.ts'

const ANSWER_DEADLINE_MS = 120_000

const USAGE = `npm run eval -- --suite DIR [options]
  --suite DIR        pictures and cases.jsonl (image, prompt, answer, task)
  --url URL          the server to ask (http://127.0.0.1:8080)
  --api-key KEY      when the server wants one
  --task NAME        only this task
  --concurrency N    questions in flight (2)
  --json             one JSON document instead of a table
  --wrong            also print every wrong answer`

function readFlags() {
  const { values } = parseArgs({
    options: {
      suite: { type: 'string' },
      url: { type: 'string', default: 'http://127.0.0.1:8080' },
      'api-key': { type: 'string' },
      task: { type: 'string' },
      concurrency: { type: 'string', default: '2' },
      json: { type: 'boolean', default: false },
      wrong: { type: 'boolean', default: false },
    },
  })
  const concurrency = Number(values.concurrency)
  if (values.suite === undefined || !Number.isInteger(concurrency) || concurrency < 1) throw new Error(USAGE)
  return { ...values, suite: values.suite, apiKey: values['api-key'] ?? null, concurrency }
}

async function main() {
  const flags = readFlags()
  const cases = readSuite(flags.suite).filter(({ task }) => flags.task === undefined || task === flags.task)
  const outcomes: Outcome[] = []
  const waiting = cases.entries()
  const startMs = performance.now()
  const answerNext = async () => {
    // Every worker draws from the same iterator, so each case is asked once.
    for (const [index, one] of waiting) outcomes[index] = await answer(one)
  }
  const answer = async (one: Case): Promise<Outcome> => {
    const images = readPictures(flags.suite, one)
    const signal = AbortSignal.timeout(ANSWER_DEADLINE_MS)
    const got = await ask({ url: flags.url, images, prompt: one.prompt, apiKey: flags.apiKey, signal })
    if (flags.wrong && normalise(got) !== normalise(one.answer)) {
      console.error(JSON.stringify({ image: one.image, task: one.task, expected: one.answer, got }))
    }
    return { task: one.task, expected: one.answer, got }
  }
  await Promise.all(Array.from({ length: flags.concurrency }, answerNext))
  const seconds = (performance.now() - startMs) / 1000
  const scores = score(outcomes)
  console.log(flags.json ? JSON.stringify({ cases: cases.length, seconds, scores }, null, 2) : table(scores))
}

function table(scores: readonly TaskScore[]): string {
  const percent = (share: number | null) => (share === null ? '' : `${(share * 100).toFixed(1)} %`)
  const rows = [
    ['task', 'cases', 'exact', 'per item', 'character errors'],
    ...scores.map(({ task, cases, exact, items, characterErrorRate }) => [
      task,
      String(cases),
      percent(exact),
      percent(items),
      percent(characterErrorRate),
    ]),
  ]
  return rows
    .map(([task = '', ...rest]) => task.padEnd(16) + rest.map((cell) => cell.padStart(18)).join(''))
    .join('\n')
}

await main()
