import dicomParser, { type DataSet } from 'dicom-parser'
import type { Pixels, Plugin, Refusal } from '../../backend/plugins/plugin.ts'

/** Why a file is refused, in the caller's words. */
class RefusedError extends Error {
  override readonly name = 'RefusedError'
}

const littleEndian = ['1.2.840.10008.1.2', '1.2.840.10008.1.2.1']
const bigEndian = '1.2.840.10008.1.2.2'

/** The image pixel module (PS3.3, C.7.6.3), as far as uncompressed pictures need it. */
interface Frame {
  readonly width: number
  readonly height: number
  readonly photometric: 'MONOCHROME1' | 'MONOCHROME2' | 'RGB'
  readonly bitsAllocated: 8 | 16
  readonly bitsStored: number
  readonly signed: boolean
  /** Colours follow one another plane by plane instead of pixel by pixel. */
  readonly planar: boolean
  readonly littleEndian: boolean
  /** The first frame. */
  readonly data: DataView
}

export const plugin: Plugin = { decodeImage: decodeDicom }

/** The first frame of an uncompressed DICOM file, windowed to 8 bits; null if it is no DICOM file. */
export function decodeDicom(bytes: Uint8Array): Pixels | Refusal | null {
  if (Buffer.from(bytes.subarray(128, 132)).toString('latin1') !== 'DICM') return null
  try {
    const dataSet = parse(bytes)
    const frame = readFrame(dataSet, bytes)
    const { width, height } = frame
    return frame.photometric === 'RGB'
      ? { width, height, channels: 3, data: rgb(frame) }
      : { width, height, channels: 1, data: grey(frame, dataSet) }
  } catch (error) {
    if (error instanceof RefusedError) return { refuse: `the DICOM picture is refused: ${error.message}` }
    throw error
  }
}

function parse(bytes: Uint8Array): DataSet {
  try {
    return dicomParser.parseDicom(bytes)
  } catch (error) {
    // the parser throws objects of its own and texts
    const detail = error instanceof Error ? error.message : String(Object(error)['exception'] ?? error)
    throw new RefusedError(`it cannot be read (${detail})`)
  }
}

function readFrame(dataSet: DataSet, bytes: Uint8Array): Frame {
  const syntax = dataSet.string('x00020010') ?? 'unknown'
  if (!littleEndian.includes(syntax) && syntax !== bigEndian) {
    throw new RefusedError(`it is compressed (transfer syntax ${syntax}); send it uncompressed`)
  }
  const height = needed(dataSet, 'x00280010', 'rows')
  const width = needed(dataSet, 'x00280011', 'columns')
  const photometric = dataSet.string('x00280004')
  if (photometric !== 'MONOCHROME1' && photometric !== 'MONOCHROME2' && photometric !== 'RGB') {
    throw new RefusedError(
      `its colours are ${photometric ?? 'not named'}; MONOCHROME1, MONOCHROME2 and RGB are read`,
    )
  }
  const bitsAllocated = needed(dataSet, 'x00280100', 'bits allocated')
  const bitsStored = dataSet.uint16('x00280101') ?? bitsAllocated
  const highBit = dataSet.uint16('x00280102') ?? bitsStored - 1
  const depthIsRead = bitsAllocated === 8 || (bitsAllocated === 16 && photometric !== 'RGB')
  if (!depthIsRead || bitsStored > bitsAllocated || highBit !== bitsStored - 1) {
    throw new RefusedError(
      `${bitsStored} of ${bitsAllocated} bits a sample, the highest ${highBit}, are not read`,
    )
  }
  const samples = photometric === 'RGB' ? 3 : 1
  const length = width * height * samples * (bitsAllocated / 8)
  const element = dataSet.elements['x7fe00010']
  if (element === undefined || element.length < length || element.dataOffset + length > bytes.length) {
    throw new RefusedError('it holds fewer pixels than it says')
  }
  return {
    width,
    height,
    photometric,
    bitsAllocated,
    bitsStored,
    signed: dataSet.uint16('x00280103') === 1,
    planar: dataSet.uint16('x00280006') === 1,
    littleEndian: syntax !== bigEndian,
    data: new DataView(bytes.buffer, bytes.byteOffset + element.dataOffset, length),
  }
}

function needed(dataSet: DataSet, tag: string, name: string): number {
  const value = dataSet.uint16(tag) ?? 0
  if (value === 0) throw new RefusedError(`it does not say its ${name}`)
  return value
}

function rgb({ width, height, planar, data }: Frame): Uint8Array {
  const given = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  if (!planar) return given.slice()
  const plane = width * height
  return Uint8Array.from(given, (_, i) => given[(i % 3) * plane + Math.floor(i / 3)] ?? 0)
}

function grey(frame: Frame, dataSet: DataSet): Uint8Array {
  const values = rescaled(frame, dataSet.floatString('x00281053') ?? 1, dataSet.floatString('x00281052') ?? 0)
  const width = dataSet.floatString('x00281051') ?? 0
  const center = dataSet.floatString('x00281050')
  const level = center === undefined || width < 1 ? stretch(values) : window(center, width)
  const inverted = frame.photometric === 'MONOCHROME1' // there the lowest value is white
  return Uint8Array.from(values, (value) => (inverted ? 255 - level(value) : level(value)))
}

/** Stored values in the unit of the window: Hounsfield units for CT. */
function rescaled(frame: Frame, slope: number, intercept: number): Float64Array {
  const { data, bitsAllocated, bitsStored, signed, littleEndian } = frame
  const unused = 32 - bitsStored
  const stored = (index: number) => {
    const raw = bitsAllocated === 8 ? data.getUint8(index) : data.getUint16(index * 2, littleEndian)
    const shifted = raw << unused // bits above the stored ones may hold anything
    return signed ? shifted >> unused : shifted >>> unused
  }
  return Float64Array.from(
    { length: frame.width * frame.height },
    (_, index) => stored(index) * slope + intercept,
  )
}

/** The linear window function (PS3.3, C.11.2.1.2.1), to 0 – 255. */
function window(center: number, width: number) {
  const low = center - 0.5 - (width - 1) / 2
  const high = center - 0.5 + (width - 1) / 2
  return (value: number) => {
    if (value <= low) return 0
    if (value > high) return 255
    return Math.round(((value - (center - 0.5)) / (width - 1) + 0.5) * 255)
  }
}

/** Without a window: the darkest to 0, the brightest to 255. */
function stretch(values: Float64Array) {
  const lowest = values.reduce((least, value) => Math.min(least, value), Number.POSITIVE_INFINITY)
  const highest = values.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY)
  const range = Math.max(highest - lowest, Number.EPSILON)
  return (value: number) => Math.round(((value - lowest) / range) * 255)
}
