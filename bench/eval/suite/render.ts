import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import sharp from 'sharp'
import type { Drawing } from './drawing.ts'

const run = promisify(execFile)
const CHROMIUM = process.env['CHROMIUM'] ?? 'chromium'
const SHEET = 16 // drawings a screenshot: 16 × 672 pixels stay under Chromium's largest texture
const PITCH_PX = 680
const DEADLINE_MS = 120_000

/** The drawings' pixels as PNG, or null where the content is larger than its box. */
export async function render(drawings: readonly Drawing[]): Promise<(Buffer | null)[]> {
  const folder = await mkdtemp(join(tmpdir(), 'eval-suite-'))
  try {
    const made: (Buffer | null)[] = []
    for (let start = 0; start < drawings.length; start += SHEET) {
      made.push(...(await renderSheet(drawings.slice(start, start + SHEET), folder)))
    }
    return made
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function renderSheet(drawings: readonly Drawing[], folder: string): Promise<(Buffer | null)[]> {
  const [page, picture] = [join(folder, 'sheet.html'), join(folder, 'sheet.png')]
  await writeFile(page, sheetHtml(drawings))
  const flags = [
    '--headless',
    '--no-sandbox',
    '--disable-gpu',
    '--hide-scrollbars',
    '--force-device-scale-factor=1',
    `--user-data-dir=${folder}/profile`,
  ]
  const size = `--window-size=${PITCH_PX},${SHEET * PITCH_PX}`
  await run(CHROMIUM, [...flags, size, `--screenshot=${picture}`, `file://${page}`], { timeout: DEADLINE_MS })
  const { stdout } = await run(CHROMIUM, [...flags, size, '--dump-dom', `file://${page}`], {
    timeout: DEADLINE_MS,
    maxBuffer: 2 ** 24,
  })
  const overflowing = new Set(
    stdout.match(/data-overflow="(\d+)"/g)?.map((match) => Number(match.replace(/\D/g, ''))),
  )
  return Promise.all(
    drawings.map(async ({ widthPx, heightPx }, index) => {
      if (overflowing.has(index)) return null
      const area = { left: 0, top: index * PITCH_PX, width: widthPx, height: heightPx }
      return sharp(picture).extract(area).png().toBuffer()
    }),
  )
}

function sheetHtml(drawings: readonly Drawing[]): string {
  const boxes = drawings.map(({ widthPx, heightPx, look, html }, index) => {
    const box = `left:0;top:${index * PITCH_PX}px;width:${widthPx}px;height:${heightPx}px;background:${look.background};color:${look.ink}`
    const font = `font-family:${look.family};font-size:${look.fontPx}px;font-weight:${look.bold ? 700 : 400}`
    return `<div class="box" data-index="${index}" style="${box};${font}">${html}</div>`
  })
  return `<!doctype html><meta charset="utf-8"><style>
html,body{margin:0;background:#fff}
.box{position:absolute;overflow:hidden;white-space:nowrap;line-height:1.3}
.grid td{border:1px solid;padding:2px 5px}
</style>${boxes.join('\n')}<script>
for (const box of document.querySelectorAll('.box')) {
  const edge = box.getBoundingClientRect()
  const out = [...box.querySelectorAll('*')].some((one) => {
    const { right, bottom, left, top } = one.getBoundingClientRect()
    return one.scrollWidth > one.clientWidth + 1 && one.clientWidth > 0 || right > edge.right + 1 || bottom > edge.bottom + 1 || left < edge.left - 1 || top < edge.top - 1
  })
  if (out || box.scrollWidth > box.clientWidth || box.scrollHeight > box.clientHeight) box.setAttribute('data-overflow', box.dataset.index)
}
</script>`
}
