import { readFileSync } from 'node:fs'

export type Language = 'zh' | 'en'

const data = new URL('../../../training/data/', import.meta.url)
const readLines = (name: string) => readFileSync(new URL(name, data), 'utf8').trimEnd().split('\n')

const CHARACTERS = 600

/** The 600 Chinese characters that the word lists use most; ties go to the generally commoner one. */
const known = (() => {
  const generalRank = new Map(
    [...readLines('characters.txt').join('')].map((character, rank) => [character, rank]),
  )
  const counts = new Map<string, number>()
  for (const list of ['goods', 'labels', 'errors', 'shops', 'sentences']) {
    for (const character of readLines(`${list}.zh.txt`).join('')) {
      if (isHan(character)) counts.set(character, (counts.get(character) ?? 0) + 1)
    }
  }
  const rank = (character: string) => generalRank.get(character) ?? Number.POSITIVE_INFINITY
  const commonest = [...counts].sort(([a, timesA], [b, timesB]) => timesB - timesA || rank(a) - rank(b))
  return new Set(commonest.slice(0, CHARACTERS).map(([character]) => character))
})()

function isHan(character: string): boolean {
  return character >= '\u4e00' && character <= '\u9fff'
}

/** Whether a text keeps to printable ASCII, ¥ and the known characters. */
export function isWithinAlphabet(text: string): boolean {
  return [...text].every(
    (character) => known.has(character) || character === '¥' || (character >= ' ' && character <= '~'),
  )
}

/** What is drawn keeps to the alphabet; a text of ours that does not is a mistake in this file. */
function checked(list: readonly string[]): string[] {
  const outside = list.filter((text) => !isWithinAlphabet(text))
  if (outside.length > 0) throw new Error(`outside the alphabet: ${outside.join(' | ')}`)
  return [...list]
}

export const goods: Record<Language, string[]> = {
  zh: readLines('goods.zh.txt').filter(isWithinAlphabet),
  en: readLines('goods.en.txt').filter((name) => name.length <= 12),
}

export const shops: Record<Language, string[]> = {
  zh: checked([
    '家家乐超市',
    '老地方面馆',
    '明天书店',
    '城东百货',
    '红星电器',
    '阳光水果',
    '大学路便利店',
    '人人文具',
    '海天酒店',
    '小时光花店',
  ]),
  en: checked([
    'NORTH STAR GROCERY',
    'Paper & Ink',
    'Luna Bistro',
    'Hill Street Deli',
    'BYTE SUPPLY',
    "Anna's Kitchen",
    'Fig Tree',
    'Depot 42',
  ]),
}

/** Lines of free text; none of them is in the training lists. */
export const lines: Record<Language, string[]> = {
  zh: checked([
    '今天下午有大雨',
    '请在明天之前回电话',
    '会员日全场八五折',
    '我的手机没有电了',
    '本周五不上班',
    '新店开业全场八折',
    '水果每天新到',
    '门前不能停车',
    '孩子的生日是三月九号',
    '下一次车八点到',
    '图书馆晚上九点关门',
    '这家店的牛肉面很好',
    '请支付后用餐',
    '文件在我的电脑上',
    '请出示会员证',
    '您的快递放在门口',
    '服务热线 400-820-1234',
    '网页打不开',
    '余额: 86.20 元',
    '版本 3.1.4 已更新',
    '数据每小时更新一次',
    '点击下载应用',
    '请输入六位数字',
    '正在上传 35%',
    '我们在公园入口等你',
    '冰箱里还有三个苹果',
    '学生票八折',
    '地铁二号线',
    '南京路出口',
    '第5页 共12页',
    '订单 20418 已完成',
    '客服工作时间 9:00-18:00',
    '周六八点营业',
    '房间在六楼',
  ]),
  en: checked([
    'Ship to: 14 Elm Road',
    'Invoice #20418 is due',
    'Back in 10 minutes',
    'Please ring the bell',
    'Lunch menu from 11:30',
    'Mind the gap',
    'Gate B12 closes at 18:40',
    'Wi-Fi: guest / blue-whale',
    'Your parcel is at the door',
    'Two large coffees to go',
    'Seat 23A, window',
    'No refunds after 14 days',
    'const total = a + b;',
    'if (x > 10) return x',
    'SELECT name FROM users',
    'git commit -m "fix"',
    'Mon 09:15 Dentist',
    'Bring your own cup',
    'Half price on Sundays',
    'Do not bend',
    'Handle with care',
    'Version 3.1.4 (build 2207)',
    'Uploading 35%',
    'support@example.com',
    'www.example.org/help',
    'Room 7, second floor left',
    'Grade: A-',
    'Next bus in 6 min',
    'Buy milk & eggs',
    'Meet me at the old bridge',
    'Exit through the gift shop',
    'Max speed 60 km/h',
    'Thank you, come again',
    'Q3 revenue up 8.4%',
  ]),
}

/** Error messages; none of them is a training template. */
export const errors: Record<Language, string[]> = {
  zh: checked([
    '无法读取文件',
    '图片大小超过限制',
    '账号或密码不正确',
    '网络不可用,请打开设置',
    '服务器正在维护,请稍后',
    '您的会员已过期',
    '订单提交失败',
    '验证码不正确',
    '无法打开网页',
    '空间已用完',
    '请求的页面已被删除',
    '打印失败: 没有纸',
    '用户名已被使用',
    '下载失败,请重新下载',
    '文件名不能为空',
    '数据格式错误',
    '错误 1045: 拒绝访问',
    '错误 503: 服务不可用',
    '支付超时,订单已取消',
    '日期格式不正确',
    '系统时间错误',
    '没有找到相关商品',
    '手机号不能为空',
    '内存不足,操作已取消',
  ]),
  en: checked([
    'RangeError: Maximum call stack size exceeded',
    'ENOENT: no such file, open data.csv',
    'Error 418: teapot refused',
    'Unhandled promise rejection',
    'java.lang.OutOfMemoryError',
    'The disk is write protected',
    'Printer is out of paper',
    'RuntimeError: index 7 is out of bounds',
    'Could not resolve host: api.local',
    'error: failed to push some refs',
    'ECONNREFUSED 127.0.0.1:5432',
    'Your card was declined',
    'This account has been locked',
    'HTTP 504 Gateway Timeout',
    'undefined symbol: foo_bar',
    'Missing closing brace on line 88',
    'Incorrect username or password',
    'The file is corrupted',
    'Cannot divide by zero',
    'OSError: [Errno 28] No space left',
    'Quota exceeded for project 42',
    'Unsupported image type',
    'License key has expired',
    'Camera not found',
  ]),
}
