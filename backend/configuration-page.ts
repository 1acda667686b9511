import { z } from 'zod'
import { environmentName, flags } from './config.ts'

type Flag = Omit<(typeof flags)[keyof typeof flags], 'shown'> & {
  readonly shown?: string
  readonly repeatable?: true
}

const head = `# Configuration

Every flag of \`npm run glm -- serve\` and \`ask\`, from the table that reads them (\`npm run docs\` writes this page anew).
Each is also an environment variable; an argument wins over the environment. A variable of a repeatable flag is separated by
commas. All bad values are named at once, before anything starts.

| flag | variable | default | values | |
|---|---|---|---|---|
`

/** docs/configuration.md, written from the table of flags. */
export function configurationPage(): string {
  const rows = (Object.entries(flags) as [string, Flag][]).map(([name, flag]) => {
    const { fallback, shown = fallback, describe } = flag
    const cells = [
      `\`--${name}\``,
      `\`${environmentName(name)}\``,
      shown === null ? '' : `\`${shown}\``,
      valuesOf(flag.schema),
      describe,
    ]
    return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |\n`
  })
  return head + rows.join('')
}

interface JsonSchema {
  readonly type?: string
  readonly enum?: readonly string[]
  readonly minimum?: number
  readonly maximum?: number
  readonly anyOf?: readonly JsonSchema[]
}

/** Choices and ranges; what else a value must be is in its description. */
function valuesOf(schema: z.ZodType): string {
  const { anyOf, ...plain } = z.toJSONSchema(schema, { unrepresentable: 'any' }) as JsonSchema
  const known = anyOf?.find(({ type }) => type !== 'null') ?? plain
  if (known.enum !== undefined) return known.enum.map((value) => `\`${value}\``).join(' ')
  if (known.minimum === undefined || known.maximum === undefined) return ''
  return `${known.minimum} – ${known.maximum}`
}
