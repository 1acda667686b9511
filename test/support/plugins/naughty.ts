import type { FinishedAnswer, Plugin } from '../../../backend/plugins/plugin.ts'

/** Does what the answer says. */
async function finishText(answer: FinishedAnswer) {
  switch (answer.content) {
    case 'shout':
      return { content: answer.streaming ? 'SHOUT, STREAMING' : 'SHOUT' }
    case 'refuse':
      return { refuse: 'this may not be said' }
    case 'throw':
      throw new Error('the hook is broken')
    case 'loop':
      for (;;);
    case 'hang':
      return new Promise<null>(() => {})
    case 'exit':
      return process.exit(3)
    case 'heap': {
      const kept: number[][] = []
      for (;;) kept.push(new Array<number>(1_000_000).fill(0.5))
    }
    case 'function':
      return { content: 'x', more: () => {} }
    case 'number':
      return { content: 7 as unknown as string }
    default:
      return null
  }
}

export const plugin: Plugin = { finishText }
