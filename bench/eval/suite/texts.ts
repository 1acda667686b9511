import { type Draft, type Drawing, side } from './drawing.ts'
import { escapeHtml, pickFontPx, pickLook, widthPx } from './look.ts'
import type { Random } from './random.ts'
import { notThere } from './receipts.ts'
import { lines as freeLines, goods, type Language } from './words.ts'

const ASK = {
  zh: ['读出图中的文字', '图中文字写了什么？', '请识别图中的所有文字', '把图上的字抄下来'],
  en: [
    'Read the text in the image.',
    'What does the text say?',
    'Transcribe the text.',
    'Write down the text you see.',
  ],
} as const

function line(random: Random): string {
  const language: Language = random.chance(0.5) ? 'zh' : 'en'
  return random.chance(0.8) ? random.pick(freeLines[language]) : random.sample(goods[language], 2).join(' ')
}

/** A note, a list with rules, a speech bubble, a sign, lines of different sizes. */
function note(random: Random): { readonly lines: readonly string[]; readonly drawing: Drawing } | null {
  const look = pickLook(random)
  const style = random.pick(['plain', 'ruled', 'bubble', 'sign', 'mixed'] as const)
  const count = look.fontPx > 24 ? random.integer(1, 3) : random.integer(1, 5)
  const texts = Array.from({ length: count }, () => line(random))
  const sizes = texts.map(() => (style === 'mixed' ? pickFontPx(random) : look.fontPx))
  const lineHeight = 1.2 + random.next() * 0.6
  const paddingPx = random.integer(6, 20)
  const contentWidth =
    Math.max(...texts.map((text, index) => widthPx(text, sizes[index] ?? 0))) + 2 * paddingPx + 24
  const contentHeight =
    sizes.reduce((sum, px) => sum + px * lineHeight + (style === 'ruled' ? 9 : 0), 0) + 2 * paddingPx + 16
  const [width, height] = [
    side(contentWidth, random.integer(0, 70)),
    side(contentHeight, random.integer(0, 70)),
  ]
  if (width === null || height === null) return null
  const align = style === 'sign' ? 'center' : random.pick(['left', 'left', 'right', 'center'])
  const each = texts.map((text, index) => {
    const rule = style === 'ruled' ? 'border-bottom:1px solid;padding:4px 0;' : ''
    return `<div style="font-size:${sizes[index]}px;${rule}">${escapeHtml(text)}</div>`
  })
  const body = `<div style="line-height:${lineHeight};text-align:${align}">${each.join('')}</div>`
  const html = {
    plain: `<div style="padding:${paddingPx}px">${body}</div>`,
    mixed: `<div style="padding:${paddingPx}px">${body}</div>`,
    ruled: `<div style="padding:${paddingPx}px">${body}</div>`,
    bubble: `<div style="margin:8px;padding:${paddingPx}px;border-radius:18px;background:${look.dark ? '#ffffff22' : '#00000012'}">${body}</div>`,
    sign: `<div style="height:100%;box-sizing:border-box;border:6px solid ${look.accent};display:flex;align-items:center;justify-content:center">${body}</div>`,
  }[style]
  return { lines: texts, drawing: { widthPx: width, heightPx: height, look, html } }
}

export function text(random: Random): Draft | null {
  const made = note(random)
  if (made === null) return null
  return {
    task: 'text',
    prompt: random.pick(ASK[random.pick(['zh', 'en'] as const)]),
    answer: made.lines.join('\n'),
    drawings: [made.drawing],
  }
}

/** A price or an error is asked for, but it is a note without either. */
export function noteWithoutThat(random: Random): Draft | null {
  const made = note(random)
  if (made === null || made.lines.some((one) => /[¥$.\d]/.test(one))) return null
  const language = random.pick(['zh', 'en'] as const)
  const prompt = { zh: ['总金额是多少？', '价格是多少？'], en: ['What is the total?', 'How much is it?'] }[
    language
  ]
  return {
    task: 'not there',
    prompt: random.pick(prompt),
    answer: notThere(language),
    drawings: [made.drawing],
  }
}

const WHICH = {
  zh: [
    ['第一张图：', '第一张图，'],
    ['第二张图：', '第二张图，'],
  ],
  en: [
    ['In the first image: ', 'Image 1: '],
    ['In the second image: ', 'Image 2: '],
  ],
} as const

/** Two notes, one of them asked for. */
export function twoNotes(random: Random): Draft | null {
  const [first, second] = [note(random), note(random)]
  if (first === null || second === null) return null
  const [language, place] = [random.pick(['zh', 'en'] as const), random.pick([0, 1] as const)]
  const prompt = random.pick(WHICH[language][place]) + random.pick(ASK[language])
  const asked = place === 0 ? first : second
  return {
    task: 'two pictures',
    prompt,
    answer: asked.lines.join('\n'),
    drawings: [first.drawing, second.drawing],
  }
}
