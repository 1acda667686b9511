/**
 * Draws tokens a second over streams decoded together, ours and the rivals', from what `npm run bench -- --json` printed:
 * `node bench/speed/chart.ts FIGURES.json > docs/decode.svg`.
 */
import { readFileSync } from 'node:fs'
import { z } from 'zod'

const figures = z.object({
  raw: z.record(z.string(), z.number().nullable()),
  machine: z.string(),
  date: z.string(),
})

const counts = [1, 4, 8]
const series = [
  { name: 'int8', prefix: 'int8_decode_', colour: '#1a5fb4', dash: '' },
  { name: 'int4', prefix: 'int4_decode_', colour: '#1a5fb4', dash: '6 4' },
  { name: 'transformers, bf16', prefix: 'hf_decode_', colour: '#c64600', dash: '' },
  { name: 'llama.cpp, 8 bits', prefix: 'llamacpp_q8_0_decode_', colour: '#26a269', dash: '' },
  { name: 'llama.cpp, 4 bits', prefix: 'llamacpp_q4_0_decode_', colour: '#26a269', dash: '6 4' },
] as const

const title = 'Tokens a second over streams decoded together, GLM-OCR’s size'
const [width, height] = [640, 360]
const plot = { left: 50, right: 470, top: 40, bottom: 310 }

function draw({ raw, machine, date }: z.infer<typeof figures>): string {
  const lines = series.flatMap((line) => {
    const points = counts.flatMap((count) => {
      const rate = raw[line.prefix + count] ?? null
      return rate === null ? [] : [{ count, rate }]
    })
    return points.length === 0 ? [] : [{ ...line, points }]
  })
  const top = Math.ceil(Math.max(...lines.flatMap(({ points }) => points.map(({ rate }) => rate))) / 20) * 20
  const x = (count: number) => plot.left + (count / 8) * (plot.right - plot.left)
  const y = (rate: number) => plot.bottom - (rate / top) * (plot.bottom - plot.top)
  const grid = Array.from({ length: top / 20 + 1 }, (_, i) => i * 20).map(
    (rate) =>
      `<path d="M${plot.left} ${y(rate)}H${plot.right}" stroke="#ddd"/>${text(plot.left - 6, y(rate) + 4, `${rate}`, 'end')}`,
  )
  const ticks = counts.map((count) => text(x(count), plot.bottom + 18, `${count}`, 'middle'))
  const labels = spread(lines.map(({ points }) => y(points.at(-1)?.rate ?? 0)))
  const drawn = lines.map(({ name, colour, dash, points }, i) => {
    const path = points.map(({ count, rate }) => `${x(count).toFixed(1)} ${y(rate).toFixed(1)}`).join('L')
    const dots = points.map(
      ({ count, rate }) => `<circle cx="${x(count)}" cy="${y(rate).toFixed(1)}" r="3" fill="${colour}"/>`,
    )
    const line = `<path d="M${path}" fill="none" stroke="${colour}" stroke-width="2" stroke-dasharray="${dash}"/>`
    return `${line}${dots.join('')}${text(plot.right + 10, (labels[i] ?? 0) + 4, name, 'start', colour)}`
  })
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">`,
    `<title>${title}</title>`,
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    text(plot.left, 22, title, 'start'),
    ...grid,
    ...ticks,
    text((plot.left + plot.right) / 2, plot.bottom + 34, 'streams', 'middle'),
    ...drawn,
    text(plot.left, height - 4, `${machine}, ${date.slice(0, 10)}`, 'start', '#888'),
    '</svg>',
    '',
  ].join('\n')
}

function text(x: number, y: number, words: string, anchor: string, colour = '#222'): string {
  return `<text x="${x}" y="${y.toFixed(1)}" text-anchor="${anchor}" fill="${colour}">${words}</text>`
}

/** The same heights, but none within 14 of another. */
function spread(heights: readonly number[]): number[] {
  const placed = heights.map((height, index) => ({ height, index })).sort((a, b) => a.height - b.height)
  for (const [i, label] of placed.entries()) {
    label.height = Math.max(label.height, (placed[i - 1]?.height ?? Number.NEGATIVE_INFINITY) + 14)
  }
  return placed.sort((a, b) => a.index - b.index).map(({ height }) => height)
}

const [file] = process.argv.slice(2)
if (file === undefined) throw new Error('usage: node bench/speed/chart.ts FIGURES.json > docs/decode.svg')
process.stdout.write(draw(figures.parse(JSON.parse(readFileSync(file, 'utf8')))))
