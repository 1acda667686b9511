/**
 * Formats as patterns matched from end to end. Each is a subset of what its RFC allows, never more, so that every
 * validator agrees.
 */
const octet = '(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)'
const ipv4 = `(?:${octet}\\.){3}${octet}`
const h16 = '[0-9A-Fa-f]{1,4}'
const ls32 = `(?:${h16}:${h16}|${ipv4})`
// RFC 3986, section 3.2.2
const ipv6 = [
  `(?:${h16}:){6}${ls32}`,
  `::(?:${h16}:){5}${ls32}`,
  `(?:${h16})?::(?:${h16}:){4}${ls32}`,
  `(?:(?:${h16}:){0,1}${h16})?::(?:${h16}:){3}${ls32}`,
  `(?:(?:${h16}:){0,2}${h16})?::(?:${h16}:){2}${ls32}`,
  `(?:(?:${h16}:){0,3}${h16})?::${h16}:${ls32}`,
  `(?:(?:${h16}:){0,4}${h16})?::${ls32}`,
  `(?:(?:${h16}:){0,5}${h16})?::${h16}`,
  `(?:(?:${h16}:){0,6}${h16})?::`,
].join('|')

const leapYear = '(?:\\d\\d(?:0[48]|[2468][048]|[13579][26])|(?:0[048]|[2468][048]|[13579][26])00)'
const date = [
  '\\d{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\\d|3[01])',
  '(?:0[469]|11)-(?:0[1-9]|[12]\\d|30)',
  '02-(?:0[1-9]|1\\d|2[0-8]))',
].join('|')
// RFC 3339, section 5.6; a leap second depends on the date and the offset, so none is written
const fullDate = `(?:${date}|${leapYear}-02-29)`
const offset = '(?:[Zz]|[+-](?:[01]\\d|2[0-3]):[0-5]\\d)'
const fullTime = `(?:[01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d(?:\\.\\d{1,9})?${offset}`

const label = '[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?'
// RFC 1123, section 2.1: 253 characters in all
const hostname = `(?=.{1,253}$)${label}(?:\\.${label})*`
const atom = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
// RFC 5321, section 4.5.3.1: 64 before the @; quoted local parts and address literals are not written
const email = `(?=.{1,64}@)${atom}(?:\\.${atom})*@${hostname}`

const escaped = '%[0-9A-Fa-f]{2}'
const pchar = `(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|${escaped})`
const host = `(?:\\[(?:${ipv6})\\]|(?:[A-Za-z0-9._~!$&'()*+,;=-]|${escaped})*)`
const authority = `(?:(?:[A-Za-z0-9._~!$&'()*+,;=:-]|${escaped})*@)?${host}(?::\\d{0,5})?`
const query = `(?:\\?(?:${pchar}|[/?])*)?(?:#(?:${pchar}|[/?])*)?`
const scheme = '[A-Za-z][A-Za-z0-9+.-]*'
const absolutePath = `/(?:${pchar}+(?:/${pchar}*)*)?`
const hierarchy = `(?://${authority}(?:/${pchar}*)*|${absolutePath}|${pchar}+(?:/${pchar}*)*)`
const uri = `${scheme}:${hierarchy}${query}`
const segmentNoColon = `(?:[A-Za-z0-9._~!$&'()*+,;=@-]|${escaped})+`
const relative = `(?:(?://${authority}(?:/${pchar}*)*|${absolutePath}|${segmentNoColon}(?:/${pchar}*)*)?${query})`

const time = '(?:\\d+H(?:\\d+M(?:\\d+S)?)?|\\d+M(?:\\d+S)?|\\d+S)'
const days = '(?:\\d+Y(?:\\d+M(?:\\d+D)?)?|\\d+M(?:\\d+D)?|\\d+D)'
const pointer = '(?:/(?:[^~/]|~[01])*)*'

export const formatPatterns: Readonly<Record<string, string>> = {
  date: fullDate,
  time: fullTime,
  'date-time': `${fullDate}[Tt]${fullTime}`,
  // RFC 3339, appendix A
  duration: `P(?:${days}(?:T${time})?|T${time}|\\d+W)`,
  email,
  hostname,
  ipv4,
  ipv6,
  uri,
  'uri-reference': `(?:${uri}|${relative})`,
  uuid: '[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}',
  'json-pointer': pointer,
  'relative-json-pointer': `(?:0|[1-9]\\d*)(?:#|${pointer})`,
  byte: '(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?',
}

/** Formats that say what a value is for, not which values there are. */
export const annotationFormats: ReadonlySet<string> = new Set(['password', 'binary', 'float', 'double'])
