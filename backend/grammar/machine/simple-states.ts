import type { Frame } from './frame.ts'
import type { Due } from './items.ts'
import type { Machine } from './machine.ts'
import { State } from './state.ts'
import type { ValueState } from './value-state.ts'

const colon = 0x3a

/** After the whole text. */
export class DoneState extends State {
  readonly mayEnd = true

  constructor() {
    super('done')
  }

  protected override follow(): null {
    return null
  }
}

/** After a key. */
export class ColonState extends State {
  readonly mayEnd = false
  readonly #machine: Machine
  readonly #frame: Frame
  readonly #dues: readonly Due[]

  constructor(machine: Machine, key: string, frame: Frame, dues: readonly Due[]) {
    super(key)
    this.#machine = machine
    this.#frame = frame
    this.#dues = dues
  }

  protected override follow(byte: number): State | null {
    return byte === colon ? this.#machine.value(this.#frame, this.#dues, null, 0) : null
  }
}

/** Within null, true or false. */
export class WordState extends State {
  readonly mayEnd = false
  readonly #machine: Machine
  readonly #owner: ValueState
  readonly #word: string
  readonly #at: number

  constructor(machine: Machine, owner: ValueState, word: string, at: number) {
    super(wordKey(owner, word, at))
    this.#machine = machine
    this.#owner = owner
    this.#word = word
    this.#at = at
  }

  protected override follow(byte: number): State | null {
    if (byte !== this.#word.charCodeAt(this.#at)) return null
    const at = this.#at + 1
    if (at === this.#word.length) return this.#owner.finishWord(this.#word)
    const key = wordKey(this.#owner, this.#word, at)
    return this.#machine.intern(key, () => new WordState(this.#machine, this.#owner, this.#word, at))
  }
}

function wordKey(owner: ValueState, word: string, at: number): string {
  return `w${owner.id};${word};${at}`
}
