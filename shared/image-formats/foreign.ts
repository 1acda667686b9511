interface Signature {
  readonly name: string
  readonly offset?: number
  /** Latin-1. */
  readonly starts: readonly string[]
}

const signatures: readonly Signature[] = [
  { name: 'TIFF', starts: ['II*\0', 'MM\0*', 'II+\0', 'MM\0+'] },
  { name: 'HEIC or AVIF', offset: 4, starts: ['ftyp'] },
  { name: 'JPEG XL', starts: ['\xff\x0a', '\0\0\0\x0cJXL '] },
  { name: 'JPEG 2000', starts: ['\0\0\0\x0cjP  ', '\xff\x4f\xff\x51'] },
  { name: 'a Windows icon', starts: ['\0\0\x01\0', '\0\0\x02\0'] },
  { name: 'Photoshop', starts: ['8BPS'] },
  { name: 'PDF', starts: ['%PDF-'] },
  { name: 'PostScript', starts: ['%!PS'] },
  { name: 'a ZIP archive', starts: ['PK\x03\x04'] },
  { name: 'gzip', starts: ['\x1f\x8b'] },
  { name: 'Matroska or WebM', starts: ['\x1a\x45\xdf\xa3'] },
  { name: 'BMP', starts: ['BM'] },
]

const textSearchBytes = 1024

/** Names what the first bytes are when it is something people send by mistake; null when it is nothing known. */
export function foreignFormat(bytes: Uint8Array): string | null {
  const head = String.fromCharCode(...bytes.subarray(0, textSearchBytes))
  for (const { name, offset = 0, starts } of signatures) {
    if (starts.some((start) => head.startsWith(start, offset))) return name
  }
  const text = head
    .replace(/^\xef\xbb\xbf/, '')
    .trimStart()
    .toLowerCase()
  if (/^<(?:\?xml|!--|!doctype svg|svg)/.test(text) && text.includes('<svg')) return 'SVG'
  if (/^<(?:!doctype html|html|head|body|script)/.test(text)) return 'HTML'
  if (text.startsWith('<')) return 'XML or HTML'
  if (text.startsWith('{') || text.startsWith('[')) return 'JSON'
  if (text.startsWith('data:')) return 'a data: URI inside another encoding'
  return null
}
