import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'

const scriptNames = [
  'begin',
  'bury',
  'cancel',
  'complete',
  'due',
  'due-settlements',
  'due-webhooks',
  'leave',
  'postpone',
  'reclaim',
  'renew',
  'report',
  'settle-webhook',
  'settled',
  'submit',
  'withdraw',
] as const

export type ScriptName = (typeof scriptNames)[number]

export interface Script {
  readonly source: string
  /** What Redis knows it by once it has seen it. */
  readonly sha1: string
}

/** Reads every script, each behind the common prelude. */
export function loadScripts(): Readonly<Record<ScriptName, Script>> {
  const prelude = readScript('prelude')
  const entries = scriptNames.map((name): [ScriptName, Script] => {
    const source = `${prelude}\n${readScript(name)}`
    return [name, { source, sha1: createHash('sha1').update(source).digest('hex') }]
  })
  return Object.fromEntries(entries) as Record<ScriptName, Script> // one entry a name
}

const readScript = (name: string) => readFileSync(new URL(`scripts/${name}.lua`, import.meta.url), 'utf8')
