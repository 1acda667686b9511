/** Draws the evaluation suite anew: `node bench/eval/make-suite.ts DIR [SEED]`. Needs Chromium and the fonts in suite/look.ts. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Draft } from './suite/drawing.ts'
import { Random } from './suite/random.ts'
import { amounts, itemPrice, items, missing, total } from './suite/receipts.ts'
import { render } from './suite/render.ts'
import { errorScreen } from './suite/screens.ts'
import { countShapes, isThereShape } from './suite/shapes.ts'
import { priceTag, tagWithoutError, twoTags } from './suite/tags.ts'
import { noteWithoutThat, text, twoNotes } from './suite/texts.ts'
import { wear } from './suite/wear.ts'

const SEED = 600
const ROUND = 24 // drafts drawn at once; some do not fit their picture, so rounds go on until enough do

type Make = (random: Random) => Draft | null

const WANTED: readonly (readonly [Make, number])[] = [
  [amounts, 60],
  [total, 40],
  [text, 75],
  [priceTag, 45],
  [errorScreen, 50],
  [countShapes, 45],
  [isThereShape, 15],
  [missing, 22],
  [tagWithoutError, 8],
  [noteWithoutThat, 8],
  [itemPrice, 20],
  [items, 16],
  [twoTags, 6],
  [twoNotes, 6],
]
const SHAPES: readonly Make[] = [countShapes, isThereShape] // hold no text

async function main(folder: string, seed: number) {
  const random = new Random(seed)
  console.log(`seed ${seed}`)
  await mkdir(folder, { recursive: true })
  const lines: string[] = []
  const fontSizesPx: number[] = []
  for (const [make, count] of WANTED) {
    for (let kept = 0; kept < count; ) {
      for (const { draft, pictures } of await drawRound(random, make)) {
        if (kept === count) break
        kept += 1
        const name = `${make.name}-${String(kept).padStart(3, '0')}`.replace(
          /[A-Z]/g,
          (letter) => `-${letter.toLowerCase()}`,
        )
        const image = await save(random, folder, name, pictures)
        lines.push(JSON.stringify({ image, prompt: draft.prompt, answer: draft.answer, task: draft.task }))
        if (!SHAPES.includes(make)) fontSizesPx.push(...draft.drawings.map(({ look }) => look.fontPx))
      }
    }
    console.log(`${make.name}: ${count}`)
  }
  await writeFile(join(folder, 'cases.jsonl'), `${lines.join('\n')}\n`)
  const share = (matches: (px: number) => boolean) =>
    (fontSizesPx.filter(matches).length / fontSizesPx.length).toFixed(2)
  console.log(
    `${lines.length} cases; type under 15 px ${share((px) => px < 15)}, over 24 px ${share((px) => px > 24)}`,
  )
}

/** A round of drafts with their pictures; those that do not fit are left out. */
async function drawRound(random: Random, make: Make) {
  const drafts = Array.from({ length: ROUND }, () => make(random)).filter((draft) => draft !== null)
  const rendered = await render(drafts.flatMap(({ drawings }) => drawings))
  return drafts.flatMap((draft) => {
    const pictures = rendered.splice(0, draft.drawings.length).filter((picture) => picture !== null)
    return pictures.length === draft.drawings.length ? [{ draft, pictures }] : []
  })
}

/** Writes a case's pictures; gives the name, or the names of several. */
async function save(
  random: Random,
  folder: string,
  name: string,
  pictures: readonly Buffer[],
): Promise<string | string[]> {
  const names: string[] = []
  for (const picture of pictures) {
    const { bytes, extension } = await wear(random, picture)
    const part = pictures.length > 1 ? `-${names.length + 1}` : ''
    names.push(`${name}${part}.${extension}`)
    await writeFile(join(folder, `${name}${part}.${extension}`), bytes)
  }
  return names.length === 1 ? (names[0] ?? '') : names
}

const [folder, seed] = process.argv.slice(2)
if (folder === undefined) throw new Error('usage: node bench/eval/make-suite.ts DIR [SEED]')
await main(folder, seed === undefined ? SEED : Number(seed))
