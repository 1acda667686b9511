/**
 * Draws sample pictures with their right answers, from a seed alone: `node examples/make-pictures.ts DIR`.
 * Needs the fonts of Debian's fonts-dejavu-core and fonts-liberation.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import sharp from 'sharp'

interface Sample {
  readonly name: string
  readonly svg: string
  readonly prompt: string
  readonly answer: string
}

const SEED = 20261123

/** Mulberry32: small, and the same everywhere. */
function randomSource(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

const goods = ['Chicken', 'Pepper', 'Rice', 'Tea', 'Noodles', 'Milk', 'Bread', 'Apples', 'Coffee', 'Eggs']
const fonts = ['DejaVu Sans', 'Liberation Sans', 'Liberation Mono', 'DejaVu Serif']

function drawSamples(random: () => number): Sample[] {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T
  const cents = (max: number) => 100 + Math.floor(random() * max)
  const money = (amount: number) => (amount / 100).toFixed(2)
  const text = (x: number, y: number, size: number, value: string, more = '') =>
    `<text x="${x}" y="${y}" font-size="${size}" ${more}>${value}</text>`
  const page = (width: number, height: number, paper: string, ink: string, body: readonly string[]) =>
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}"><rect width="100%" height="100%" fill="${paper}"/><g fill="${ink}" font-family="${pick(fonts)}">${body.join('')}</g></svg>`

  const receipt = (index: number): Sample => {
    const lines = Array.from({ length: 3 + Math.floor(random() * 3) }, () => ({
      name: pick(goods),
      price: cents(6000),
    }))
    const total = lines.reduce((sum, line) => sum + line.price, 0)
    const rows = [...lines, { name: 'Total', price: total }]
    const height = 70 + rows.length * 30
    const body = rows.flatMap(({ name, price }, row) => [
      text(16, 70 + row * 30, 18, name),
      text(240, 70 + row * 30, 18, money(price), 'text-anchor="end"'),
    ])
    return {
      name: `receipt-${index}`,
      svg: page(256, height, '#fdfcf7', '#222', [
        text(128, 32, 20, 'RECEIPT', 'text-anchor="middle"'),
        ...body,
      ]),
      prompt: '列出所有金额',
      answer: rows.map(({ price }) => money(price)).join('\n'),
    }
  }
  const tag = (index: number): Sample => {
    const price = `${pick(['¥', '$'])}${money(cents(20_000))}`
    const body = [
      text(96, 36, 18, pick(goods), 'text-anchor="middle"'),
      text(96, 88, 26, price, 'text-anchor="middle"'),
    ]
    return {
      name: `price-tag-${index}`,
      svg: page(192, 112, '#fff6d6', '#b3261e', body),
      prompt: 'How much is it?',
      answer: price,
    }
  }
  const number = (index: number): Sample => {
    const value = String(1000 + Math.floor(random() * 90_000))
    return {
      name: `number-${index}`,
      svg: page(144, 64, '#ffffff', '#111', [text(72, 42, 26, value, 'text-anchor="middle"')]),
      prompt: '图中的数字是多少?',
      answer: value,
    }
  }
  return [0, 1, 2, 3].flatMap((index) => [receipt(index), tag(index), number(index)])
}

const directory = process.argv[2]
if (directory === undefined) throw new Error('usage: node examples/make-pictures.ts DIR')
mkdirSync(directory, { recursive: true })
const samples = drawSamples(randomSource(SEED))
for (const { name, svg } of samples) {
  await sharp(Buffer.from(svg))
    .png({ palette: false })
    .toFile(join(directory, `${name}.png`))
}
const answers = samples.map(({ name, prompt, answer }) => ({ image: `${name}.png`, prompt, answer }))
writeFileSync(join(directory, 'answers.json'), `${JSON.stringify(answers, null, 2)}\n`)
