/** A finite number's magnitude written out, without leading zeros in front of or trailing ones after the point. */
export interface Decimal {
  readonly negative: boolean
  /** At least one digit. */
  readonly integer: readonly number[]
  readonly fraction: readonly number[]
}

/** The shortest decimal that reads back as `value`. */
export function decimalOf(value: number): Decimal {
  const [mantissa = '0', exponent = '0'] = Math.abs(value).toString().split('e')
  const [whole = '', part = ''] = mantissa.split('.')
  const shift = Number(exponent)
  const digits = whole + part
  const point = whole.length + shift
  const integer = point <= 0 ? '0' : digits.slice(0, point).padEnd(point, '0')
  const fraction = point <= 0 ? '0'.repeat(-point) + digits : digits.slice(point)
  return {
    negative: value < 0,
    integer: digitsOf(integer.replace(/^0+(?=\d)/, '')),
    fraction: digitsOf(fraction.replace(/0+$/, '')),
  }
}

function digitsOf(text: string): number[] {
  return Array.from(text, Number)
}
