import { type Draft, type Drawing, side } from './drawing.ts'
import { escapeHtml, pickLook, widthPx } from './look.ts'
import type { Random } from './random.ts'
import { goods, type Language, shops } from './words.ts'

interface Row {
  readonly name: string
  readonly amount: string
}

interface Receipt {
  readonly language: Language
  readonly rows: readonly Row[]
  readonly total: string | null
  readonly drawing: Drawing
}

const TOTAL_LABELS = { zh: ['合计', '总计', '总金额'], en: ['Total', 'TOTAL', 'Total due'] } as const
const ASK = {
  amounts: {
    zh: ['请提取图中所有金额数字，并按出现顺序列出', '列出所有金额', '按顺序列出图中的全部金额'],
    en: ['List all amounts in order.', 'Extract every amount.', 'List every amount you see, in order.'],
  },
  total: {
    zh: ['合计多少？', '总金额是多少？', '一共要付多少钱？'],
    en: ['What is the total?', 'What is the total amount?', 'How much is it in total?'],
  },
  items: { zh: ['列出所有商品', '图中有哪些商品？'], en: ['List the items.', 'What items are listed?'] },
  price: { zh: ['多少钱？', '的价格是多少？'], en: ['How much is ', 'What is the price of '] },
} as const

function money(random: Random): string {
  const whole = random.chance(0.7)
    ? random.integer(0, 99)
    : random.integer(100, random.chance(0.8) ? 999 : 9999)
  return `${whole}.${String(random.integer(0, 99)).padStart(2, '0')}`
}

/** A till roll, a bordered table, rows of two lines, or a bill with the amounts first. */
function receipt(random: Random, withTotal: boolean): Receipt | null {
  const language: Language = random.chance(0.5) ? 'zh' : 'en'
  const look = pickLook(random)
  const { fontPx } = look
  const count = random.integer(2, fontPx > 24 ? 5 : 9)
  const rows = random.sample(goods[language], count).map((name) => ({ name, amount: money(random) }))
  const cents = rows.reduce((sum, { amount }) => sum + Math.round(Number(amount) * 100), 0)
  const total = withTotal ? `${Math.floor(cents / 100)}.${String(cents % 100).padStart(2, '0')}` : null
  const currency = random.pick(['¥', '$', '', ''])
  const shop = random.chance(0.6) ? random.pick(shops[language]) : null
  const label = random.pick(TOTAL_LABELS[language])
  const style = random.pick(['roll', 'table', 'stacked', 'amount-first'] as const)
  const cells = [...rows, ...(total === null ? [] : [{ name: label, amount: total }])]
  const lineHeight = 1.25 + random.next() * 0.45
  const nameWidth = Math.max(...cells.map(({ name }) => widthPx(name, fontPx)))
  const amountWidth = Math.max(...cells.map(({ amount }) => widthPx(currency + amount, fontPx)))
  const paddingPx = random.integer(6, 16)
  const contentWidth =
    (style === 'stacked' ? Math.max(nameWidth, amountWidth) : nameWidth + amountWidth + fontPx) +
    2 * paddingPx
  const shopWidth = shop === null ? 0 : widthPx(shop, fontPx) + 2 * paddingPx
  const linesHigh = cells.length * (style === 'stacked' ? 2 : 1) + (shop === null ? 0 : 1.3) + 1
  const width = side(Math.max(contentWidth, shopWidth), random.integer(0, 60))
  const height = side(
    linesHigh * fontPx * lineHeight + (style === 'table' ? cells.length * 7 : 0) + 2 * paddingPx,
    random.integer(0, 50),
  )
  if (width === null || height === null) return null
  const rule = random.pick(['1px solid', '2px solid', '1px dotted', '1px dashed'])
  const row = ({ name, amount }: Row, last: boolean) => {
    const [left, right] = [escapeHtml(name), currency + amount]
    const top = last && total !== null ? `border-top:${rule};` : ''
    if (style === 'stacked')
      return `<div style="${top}"><div>${left}</div><div style="text-align:right">${right}</div></div>`
    if (style === 'amount-first')
      return `<div style="display:flex;gap:${fontPx}px;${top}"><span>${right}</span><span>${left}</span></div>`
    if (style === 'table') return `<tr><td>${left}</td><td style="text-align:right">${right}</td></tr>`
    return `<div style="display:flex;justify-content:space-between;${top}"><span>${left}</span><span>${right}</span></div>`
  }
  const body = cells.map((cell, index) => row(cell, index === cells.length - 1)).join('')
  const head =
    shop === null
      ? ''
      : `<div style="text-align:center;font-weight:700;margin-bottom:.3em">${escapeHtml(shop)}</div>`
  const table =
    style === 'table'
      ? `<table style="width:100%;border-collapse:collapse" class="grid">${body}</table>`
      : body
  const html = `<div style="padding:${paddingPx}px;line-height:${lineHeight}">${head}${table}</div>`
  return { language, rows, total, drawing: { widthPx: width, heightPx: height, look, html } }
}

export function amounts(random: Random): Draft | null {
  const made = receipt(random, random.chance(0.75))
  if (made === null) return null
  const answer = [
    ...made.rows.map(({ amount }) => amount),
    ...(made.total === null ? [] : [made.total]),
  ].join('\n')
  return {
    task: 'amounts',
    prompt: random.pick(ASK.amounts[random.pick(['zh', 'en'] as const)]),
    answer,
    drawings: [made.drawing],
  }
}

export function total(random: Random): Draft | null {
  const made = receipt(random, true)
  if (made === null || made.total === null) return null
  return {
    task: 'total',
    prompt: random.pick(ASK.total[random.pick(['zh', 'en'] as const)]),
    answer: made.total,
    drawings: [made.drawing],
  }
}

export function items(random: Random): Draft | null {
  const made = receipt(random, random.chance(0.7))
  if (made === null) return null
  const answer = made.rows.map(({ name }) => name).join('\n')
  return {
    task: 'items',
    prompt: random.pick(ASK.items[random.pick(['zh', 'en'] as const)]),
    answer,
    drawings: [made.drawing],
  }
}

function askPrice(random: Random, language: Language, name: string): string {
  return language === 'zh' ? name + random.pick(ASK.price.zh) : `${random.pick(ASK.price.en)}${name}?`
}

export function itemPrice(random: Random): Draft | null {
  const made = receipt(random, random.chance(0.7))
  if (made === null) return null
  const { name, amount } = random.pick(made.rows)
  return {
    task: 'item price',
    prompt: askPrice(random, made.language, name),
    answer: amount,
    drawings: [made.drawing],
  }
}

/** Something is asked for that the receipt does not hold: a good, or a total. */
export function missing(random: Random): Draft | null {
  const askTotal = random.chance(0.35)
  const made = receipt(random, askTotal ? false : random.chance(0.6))
  if (made === null) return null
  const held = made.rows.map(({ name }) => name)
  const other = random.pick(
    goods[made.language].filter((name) => !held.some((one) => one.includes(name) || name.includes(one))),
  )
  const prompt = askTotal ? random.pick(ASK.total[made.language]) : askPrice(random, made.language, other)
  return { task: 'not there', prompt, answer: notThere(made.language), drawings: [made.drawing] }
}

export function notThere(language: Language): string {
  return language === 'zh' ? '图中没有' : 'Not in the image'
}
