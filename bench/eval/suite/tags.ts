import { type Draft, type Drawing, side } from './drawing.ts'
import { escapeHtml, pickLook, widthPx } from './look.ts'
import type { Random } from './random.ts'
import { notThere } from './receipts.ts'
import { goods, type Language } from './words.ts'

const ASK = {
  both: {
    zh: ['图中商品名称和价格是多少？', '这是什么商品，多少钱？'],
    en: ['What is the product and its price?', 'Product name and price?'],
  },
  price: { zh: ['价格是多少？', '这个卖多少钱？'], en: ['How much is it?', 'What is the price?'] },
  name: { zh: ['这是什么商品？'], en: ['What is the product?'] },
} as const

interface Tag {
  readonly name: string
  readonly price: string
  readonly drawing: Drawing
}

/** A shelf label, a swing ticket, a card with a coloured corner, or name and price side by side. */
function tag(random: Random): Tag | null {
  const language: Language = random.chance(0.5) ? 'zh' : 'en'
  const look = pickLook(random)
  const name = random.pick(goods[language])
  const price = `${random.pick(['¥', '$'])}${random.integer(0, random.chance(0.7) ? 99 : 999)}.${String(random.integer(0, 99)).padStart(2, '0')}`
  const pricePx = Math.min(36, Math.round(look.fontPx * random.pick([1, 1.2, 1.5])))
  const style = random.pick(['label', 'ticket', 'corner', 'beside'] as const)
  const [nameWidth, priceWidth] = [widthPx(name, look.fontPx), widthPx(price, pricePx)]
  const width = side(
    (style === 'beside' ? nameWidth + priceWidth + 30 : Math.max(nameWidth, priceWidth)) + 40,
    random.integer(0, 60),
  )
  const height = side(
    style === 'beside' ? pricePx * 1.5 + 30 : look.fontPx * 1.5 + pricePx * 1.5 + 40,
    random.integer(0, 60),
  )
  if (width === null || height === null) return null
  const priceHtml = `<div style="font-size:${pricePx}px;color:${random.chance(0.5) ? look.accent : 'inherit'}">${price}</div>`
  const nameHtml = `<div>${escapeHtml(name)}</div>`
  const html = {
    label: `<div style="height:100%;box-sizing:border-box;border:3px double;padding:8px;display:flex;flex-direction:column;justify-content:space-between">${nameHtml}<div style="align-self:flex-end">${priceHtml}</div></div>`,
    ticket: `<div style="height:100%;box-sizing:border-box;padding:14px;text-align:center;border-radius:14px;border:1px solid"><div style="width:10px;height:10px;border:1px solid;border-radius:50%;margin:-8px auto 4px"></div>${priceHtml}${nameHtml}</div>`,
    corner: `<div style="height:100%;background:linear-gradient(135deg,${look.accent} 14px,transparent 15px);padding:18px;box-sizing:border-box">${nameHtml}${priceHtml}</div>`,
    beside: `<div style="height:100%;display:flex;align-items:center;justify-content:space-between;padding:0 12px">${nameHtml}${priceHtml}</div>`,
  }[style]
  return { name, price, drawing: { widthPx: width, heightPx: height, look, html } }
}

export function priceTag(random: Random): Draft | null {
  const made = tag(random)
  if (made === null) return null
  const what = random.pick(['both', 'both', 'price', 'name'] as const)
  const answer = { both: `${made.name} ${made.price}`, price: made.price, name: made.name }[what]
  return {
    task: 'tag',
    prompt: random.pick(ASK[what][random.pick(['zh', 'en'] as const)]),
    answer,
    drawings: [made.drawing],
  }
}

/** Two tags in one question; both prices, one a line. */
export function twoTags(random: Random): Draft | null {
  const [first, second] = [tag(random), tag(random)]
  if (first === null || second === null) return null
  const prompt = random.pick(ASK.price[random.pick(['zh', 'en'] as const)])
  return {
    task: 'two pictures',
    prompt,
    answer: `${first.price}\n${second.price}`,
    drawings: [first.drawing, second.drawing],
  }
}

/** An error is asked for, but it is a tag. */
export function tagWithoutError(random: Random): Draft | null {
  const made = tag(random)
  if (made === null) return null
  const language = random.pick(['zh', 'en'] as const)
  const prompt = language === 'zh' ? '图中报错信息是什么？' : 'What is the error message?'
  return { task: 'not there', prompt, answer: notThere(language), drawings: [made.drawing] }
}
