import { type Draft, side } from './drawing.ts'
import { escapeHtml, pickLook, widthPx } from './look.ts'
import type { Random } from './random.ts'
import { errors, type Language } from './words.ts'

const ASK = {
  zh: ['图中报错信息是什么？', '报了什么错？', '屏幕上的错误提示是什么？'],
  en: ['What is the error message?', 'What error is shown?', 'Which error message is on the screen?'],
} as const
const TITLES = {
  zh: ['错误', '系统提示', '出错了'],
  en: ['Error', 'Warning', 'Something went wrong'],
} as const
const BUTTONS = { zh: ['确定', '重试', '关闭'], en: ['OK', 'Retry', 'Dismiss'] } as const
const CONSOLE = [
  '$ node server.js',
  'listening on 3000',
  'GET /index.html 200',
  '> vite build',
  'cache restored',
  '12 tests passed',
  'watching for changes',
]

/** A toast, a window with a dimmed border, a console, a page in the middle of nowhere. */
export function errorScreen(random: Random): Draft | null {
  const language: Language = random.chance(0.5) ? 'zh' : 'en'
  const look = pickLook(random)
  const { fontPx } = look
  const message = random.pick(errors[language])
  const style = random.pick(['toast', 'window', 'console', 'page'] as const)
  const [title, button] = [random.pick(TITLES[language]), random.pick(BUTTONS[language])]
  const whole = widthPx(message, fontPx) + 60
  const wantedWidth =
    style === 'console' ? Math.max(whole, widthPx('GET /index.html 200', fontPx) + 60) : whole
  // What is wider than the picture wraps, which the answer joins again.
  const width = side(
    Math.max(Math.min(wantedWidth, random.integer(240, 672)), widthPx(title, fontPx) + 60),
    0,
  )
  if (width === null) return null
  const messageLines = Math.ceil((widthPx(message, fontPx) * 1.25) / (width - 60))
  const others = random
    .sample(CONSOLE, random.integer(1, 4))
    .filter((line) => widthPx(line, fontPx) < width - 30)
  const extraLines = { toast: 0.6, window: 3.8, console: others.length + 0.5, page: 2.2 }[style]
  const height = side((messageLines + extraLines) * fontPx * 1.45 + 44, random.integer(0, 50))
  if (height === null) return null
  const shown = escapeHtml(message)
  const red = look.dark ? '#ff8a80' : '#b00020'
  const place = random.integer(0, others.length)
  const html = {
    toast: `<div style="margin:10px;padding:8px 12px;border-left:5px solid ${red};background:${look.dark ? '#ffffff1a' : '#0000000d'}">${shown}</div>`,
    window: `<div style="margin:8px;border:1px solid;border-radius:6px;overflow:hidden"><div style="padding:3px 8px;background:${look.dark ? '#ffffff22' : '#00000018'}">${title}</div><div style="padding:8px">${shown}</div><div style="text-align:right;padding:4px 8px 8px"><span style="border:1px solid;border-radius:4px;padding:1px 10px">${button}</span></div></div>`,
    console: `<div style="padding:8px">${[...others.slice(0, place), null, ...others.slice(place)].map((line) => (line === null ? `<div style="color:${red}">${shown}</div>` : `<div>${escapeHtml(line)}</div>`)).join('')}</div>`,
    page: `<div style="height:100%;display:flex;flex-direction:column;align-items:center;justify-content:center;text-align:center;padding:0 14px"><div style="font-weight:700;color:${look.accent}">${title}</div><div>${shown}</div></div>`,
  }[style]
  const wrapping = `<div style="height:100%;white-space:normal;line-height:1.45;${language === 'zh' ? 'line-break:anywhere' : ''}">${html}</div>`
  return {
    task: 'error',
    prompt: random.pick(ASK[random.pick(['zh', 'en'] as const)]),
    answer: message,
    drawings: [{ widthPx: width, heightPx: height, look, html: wrapping }],
  }
}
