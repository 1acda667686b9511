import type { FinishedAnswer, Plugin, PluginRequest, Question } from './plugin.ts'

export type HookName = keyof Plugin

export const hookNames = [
  'decodeImage',
  'prepareRequest',
  'finishText',
] as const satisfies readonly HookName[]

/** What a plug-in's thread starts with. */
export interface ThreadData {
  /** `file:` URL of the plug-in. */
  readonly url: string
}

export type Call =
  | { readonly hook: 'decodeImage'; readonly input: Uint8Array }
  | { readonly hook: 'prepareRequest'; readonly input: PluginRequest }
  | { readonly hook: 'finishText'; readonly input: FinishedAnswer }

/** To the thread; it is sent one call at a time. */
export type ToThread =
  | { readonly type: 'call'; readonly call: Call }
  | { readonly type: 'answer'; readonly id: number; readonly text: string }
  | { readonly type: 'no_answer'; readonly id: number; readonly reason: string }

/** From the thread. What a hook returned is checked on this side of the wall. */
export type FromThread =
  | { readonly type: 'ready'; readonly hooks: readonly HookName[] }
  | { readonly type: 'ask'; readonly id: number; readonly question: Question }
  | { readonly type: 'returned'; readonly value: unknown }
  | { readonly type: 'threw'; readonly detail: string }
