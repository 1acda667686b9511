/** A data element: group, element, value representation, value. */
type Element = readonly [number, number, string, Buffer]

export interface DicomOptions {
  readonly syntax?: string
  readonly photometric?: string
  readonly rows: number
  readonly columns: number
  readonly bits?: 8 | 16
  readonly stored?: number
  readonly signed?: boolean
  readonly samples?: number
  readonly planar?: boolean
  readonly window?: readonly [center: number, width: number]
  readonly rescale?: readonly [slope: number, intercept: number]
  readonly pixels: readonly number[]
}

/** A DICOM file, written from the standard's words (PS3.5, PS3.10) and not by the reader under test. */
export function dicomFile(options: DicomOptions): Buffer {
  const { syntax = '1.2.840.10008.1.2.1', bits = 16, samples = 1 } = options
  const big = syntax === '1.2.840.10008.1.2.2'
  const explicit = syntax !== '1.2.840.10008.1.2'
  const u16 = (value: number) => {
    const buffer = Buffer.alloc(2)
    if (big) buffer.writeUInt16BE(value)
    else buffer.writeUInt16LE(value)
    return buffer
  }
  const pixels = Buffer.concat(
    options.pixels.map((value) => (bits === 8 ? Buffer.of(value & 0xff) : u16(value & 0xffff))),
  )
  const elements: Element[] = [
    [0x28, 0x02, 'US', u16(samples)],
    [0x28, 0x04, 'CS', text(options.photometric ?? 'MONOCHROME2')],
    [0x28, 0x06, 'US', u16(options.planar === true ? 1 : 0)],
    [0x28, 0x10, 'US', u16(options.rows)],
    [0x28, 0x11, 'US', u16(options.columns)],
    [0x28, 0x100, 'US', u16(bits)],
    [0x28, 0x101, 'US', u16(options.stored ?? bits)],
    [0x28, 0x102, 'US', u16((options.stored ?? bits) - 1)],
    [0x28, 0x103, 'US', u16(options.signed === true ? 1 : 0)],
  ]
  if (options.window !== undefined) {
    elements.push([0x28, 0x1050, 'DS', text(String(options.window[0]))])
    elements.push([0x28, 0x1051, 'DS', text(String(options.window[1]))])
  }
  if (options.rescale !== undefined) {
    elements.push([0x28, 0x1052, 'DS', text(String(options.rescale[1]))])
    elements.push([0x28, 0x1053, 'DS', text(String(options.rescale[0]))])
  }
  elements.push([
    0x7fe0,
    0x10,
    'OW',
    pixels.length % 2 === 0 ? pixels : Buffer.concat([pixels, Buffer.alloc(1)]),
  ])
  const syntaxElement = write([0x02, 0x10, 'UI', text(syntax, '\0')], true, false)
  const length = Buffer.alloc(4)
  length.writeUInt32LE(syntaxElement.length)
  return Buffer.concat([
    Buffer.alloc(128),
    Buffer.from('DICM'),
    write([0x02, 0x00, 'UL', length], true, false),
    syntaxElement,
    ...elements.map((element) => write(element, explicit, big)),
  ])
}

function text(value: string, padding = ' '): Buffer {
  return Buffer.from(value.length % 2 === 0 ? value : value + padding, 'latin1')
}

function write([group, element, vr, value]: Element, explicit: boolean, big: boolean): Buffer {
  const long = vr === 'OW'
  const head = Buffer.alloc(explicit && long ? 12 : 8)
  const view = new DataView(head.buffer, head.byteOffset, head.length)
  view.setUint16(0, group, !big)
  view.setUint16(2, element, !big)
  if (explicit) head.write(vr, 4, 'latin1')
  if (!explicit) view.setUint32(4, value.length, !big)
  else if (long) view.setUint32(8, value.length, !big)
  else view.setUint16(6, value.length, !big)
  return Buffer.concat([head, value])
}
