import type { Draft, Drawing } from './drawing.ts'
import { pickLook } from './look.ts'
import type { Random } from './random.ts'

const COLOURS = {
  red: ['#e02020', '红色'],
  green: ['#1e9e3e', '绿色'],
  blue: ['#2050e0', '蓝色'],
  yellow: ['#f0d020', '黄色'],
  black: ['#111', '黑色'],
  orange: ['#f58a1f', '橙色'],
  purple: ['#8e2bb0', '紫色'],
} as const
const KINDS = { circle: '圆形', square: '正方形', triangle: '三角形' } as const
type Colour = keyof typeof COLOURS
type Kind = keyof typeof KINDS
const colours = Object.keys(COLOURS) as Colour[]
const kinds = Object.keys(KINDS) as Kind[]

interface Shape {
  readonly kind: Kind
  readonly colour: Colour
}

/** Shapes in the cells of a loose grid, some with an outline. */
function board(random: Random): { readonly shapes: readonly Shape[]; readonly drawing: Drawing } {
  const cellPx = random.integer(34, 90)
  const columns = random.integer(2, Math.min(5, Math.floor(640 / cellPx)))
  const rows = random.integer(2, Math.min(4, Math.floor(640 / cellPx)))
  const used = random.sample(colours, random.integer(1, 4))
  const cells = random.sample(
    [...Array(rows * columns).keys()],
    random.integer(1, Math.min(9, rows * columns)),
  )
  const shapes = cells.map(() => ({ kind: random.pick(kinds), colour: random.pick(used) }))
  const outline = random.chance(0.2) ? 'stroke="#444" stroke-width="1.5"' : ''
  const drawn = shapes.map(({ kind, colour }, index) => {
    const sizePx = cellPx * (0.45 + random.next() * 0.4)
    const cell = cells[index] ?? 0
    const x = (cell % columns) * cellPx + 4 + random.next() * (cellPx - sizePx - 8)
    const y = Math.floor(cell / columns) * cellPx + 4 + random.next() * (cellPx - sizePx - 8)
    return svgShape(kind, COLOURS[colour][0], outline, x, y, sizePx)
  })
  const [widthPx, heightPx] = [Math.max(112, columns * cellPx), Math.max(112, rows * cellPx)]
  const look = { ...pickLook(random), background: random.pick(['#fff', '#fff', '#f4f1e8', '#eef3fa']) }
  const html = `<svg width="${widthPx}" height="${heightPx}" style="display:block">${drawn.join('')}</svg>`
  return { shapes, drawing: { widthPx, heightPx, look, html } }
}

function svgShape(kind: Kind, fill: string, outline: string, x: number, y: number, size: number): string {
  if (kind === 'circle')
    return `<circle cx="${x + size / 2}" cy="${y + size / 2}" r="${size / 2}" fill="${fill}" ${outline}/>`
  if (kind === 'square')
    return `<rect x="${x}" y="${y}" width="${size}" height="${size}" fill="${fill}" ${outline}/>`
  return `<polygon points="${x + size / 2},${y} ${x},${y + size} ${x + size},${y + size}" fill="${fill}" ${outline}/>`
}

export function countShapes(random: Random): Draft {
  const { shapes, drawing } = board(random)
  const target = random.chance(0.8)
    ? random.pick(shapes)
    : { kind: random.pick(kinds), colour: random.pick(colours) }
  const kind = random.chance(0.75) ? target.kind : null
  const colour = random.chance(0.7) ? target.colour : null
  const count = shapes.filter(
    (shape) => (kind === null || shape.kind === kind) && (colour === null || shape.colour === colour),
  ).length
  const zh = `${colour === null ? '' : COLOURS[colour][1]}${kind === null ? '图形' : KINDS[kind]}`
  const en = `${colour === null ? '' : `${colour} `}${kind ?? 'shape'}s`
  const prompt = random.pick([
    `图中有几个${zh}？`,
    `图中一共有多少个${zh}？`,
    `How many ${en} are there?`,
    `Count the ${en}.`,
  ])
  return { task: 'shapes', prompt, answer: String(count), drawings: [drawing] }
}

export function isThereShape(random: Random): Draft {
  const { shapes, drawing } = board(random)
  const { kind, colour } = random.chance(0.5)
    ? random.pick(shapes)
    : { kind: random.pick(kinds), colour: random.pick(colours) }
  const there = shapes.some((shape) => shape.kind === kind && shape.colour === colour)
  const inChinese = random.chance(0.5)
  const prompt = inChinese ? `图中有${COLOURS[colour][1]}${KINDS[kind]}吗？` : `Is there a ${colour} ${kind}?`
  return {
    task: 'yes no',
    prompt,
    answer: inChinese ? (there ? '有' : '没有') : there ? 'Yes' : 'No',
    drawings: [drawing],
  }
}
