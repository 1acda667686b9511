/** What became of one case. */
export interface Outcome {
  readonly task: string
  readonly expected: string
  readonly got: string
}

export interface TaskScore {
  readonly task: string
  readonly cases: number
  /** Share of answers equal to the expected one. */
  readonly exact: number
  /** Edits needed over characters expected. */
  readonly characterErrorRate: number
  /** Share of expected lines that stand in their place; only for amounts. */
  readonly items: number | null
}

/** Runs of white space within a line are one space; line ends are kept, the ends of lines and of the text trimmed. */
export function normalise(text: string): string {
  return text
    .trim()
    .split(/\r?\n/)
    .map((line) => line.trim().replace(/\s+/g, ' '))
    .join('\n')
}

/** Levenshtein distance in code points. */
export function editDistance(from: string, to: string): number {
  const a = [...from]
  const b = [...to]
  let row = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (const [i, x] of a.entries()) {
    const next = [i + 1]
    for (const [j, y] of b.entries()) {
      const replaced = (row[j] ?? 0) + (x === y ? 0 : 1)
      next.push(Math.min(replaced, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1))
    }
    row = next
  }
  return row.at(-1) ?? 0
}

/** One score a task, in the order of first appearance, and one for everything, called "all". */
export function score(outcomes: readonly Outcome[]): TaskScore[] {
  const byTask = Map.groupBy(outcomes, (outcome) => outcome.task)
  return [...byTask, ['all', outcomes] as const].map(([task, list]) => scoreTask(task, list))
}

function scoreTask(task: string, outcomes: readonly Outcome[]): TaskScore {
  let [exact, edits, characters, lines, linesRight] = [0, 0, 0, 0, 0]
  for (const outcome of outcomes) {
    const expected = normalise(outcome.expected)
    const got = normalise(outcome.got)
    if (expected === got) exact += 1
    edits += editDistance(got, expected)
    characters += [...expected].length
    const gotLines = got.split('\n')
    for (const [place, line] of expected.split('\n').entries()) {
      lines += 1
      if (gotLines[place] === line) linesRight += 1
    }
  }
  return {
    task,
    cases: outcomes.length,
    exact: exact / Math.max(1, outcomes.length),
    characterErrorRate: edits / Math.max(1, characters),
    items: task === 'amounts' ? linesRight / Math.max(1, lines) : null,
  }
}
