/** Status and headers of an answer that is kept. */
export interface StoredHead {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
}

export interface StoredRun {
  readonly fingerprint: string
  /** null: it has not ended, or was lost before it did. */
  readonly head: StoredHead | null
}

const keptMs = 24 * 3_600_000
/** Of one API key; the oldest go first. Answers are a few kilobytes. */
const maxRuns = 1000
/** SQLite rows of a Durable Object hold at most 2 MB. */
const rowBytes = 1024 * 1024

const schema = [
  `CREATE TABLE IF NOT EXISTS run (key TEXT PRIMARY KEY, fingerprint TEXT NOT NULL, head TEXT, begun_ms INTEGER NOT NULL)
    WITHOUT ROWID`,
  'CREATE TABLE IF NOT EXISTS run_chunk (key TEXT, number INTEGER, bytes BLOB NOT NULL, PRIMARY KEY (key, number))',
  'CREATE INDEX IF NOT EXISTS run_age ON run (begun_ms)',
] as const

/** The SQLite tables of answers kept for `Idempotency-Key`. They are made when first needed. */
export class RunStore {
  readonly #storage: DurableObjectStorage
  #ready = false

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage
  }

  find(key: string, nowMs: number): StoredRun | null {
    this.#prepare()
    const rows = this.#storage.sql
      .exec<{ fingerprint: string; head: string | null; begun_ms: number }>(
        'SELECT * FROM run WHERE key = ?',
        key,
      )
      .toArray()
    const [row] = rows
    if (!row || row.begun_ms + keptMs <= nowMs) return null
    return { fingerprint: row.fingerprint, head: row.head === null ? null : JSON.parse(row.head) }
  }

  begin(key: string, fingerprint: string, nowMs: number) {
    this.#prepare()
    this.#storage.transactionSync(() => {
      this.#forget('SELECT key FROM run WHERE key = ? OR begun_ms <= ?', key, nowMs - keptMs)
      this.#forget('SELECT key FROM run ORDER BY begun_ms DESC LIMIT -1 OFFSET ?', maxRuns - 1)
      this.#storage.sql.exec('INSERT INTO run VALUES (?, ?, NULL, ?)', key, fingerprint, nowMs)
    })
  }

  finish(key: string, head: StoredHead, chunks: readonly Uint8Array[]) {
    this.#storage.transactionSync(() => {
      this.#storage.sql.exec('UPDATE run SET head = ? WHERE key = ?', JSON.stringify(head), key)
      for (const [number, bytes] of rows(chunks).entries()) {
        this.#storage.sql.exec('INSERT INTO run_chunk VALUES (?, ?, ?)', key, number, bytes)
      }
    })
  }

  remove(key: string) {
    this.#prepare()
    this.#storage.transactionSync(() => this.#forget('SELECT key FROM run WHERE key = ?', key))
  }

  chunks(key: string): Uint8Array[] {
    const query = 'SELECT bytes FROM run_chunk WHERE key = ? ORDER BY number'
    const found = this.#storage.sql.exec<{ bytes: ArrayBuffer }>(query, key).toArray()
    return found.map(({ bytes }) => new Uint8Array(bytes))
  }

  #forget(keys: string, ...bindings: (string | number)[]) {
    this.#storage.sql.exec(`DELETE FROM run_chunk WHERE key IN (${keys})`, ...bindings)
    this.#storage.sql.exec(`DELETE FROM run WHERE key IN (${keys})`, ...bindings)
  }

  #prepare() {
    if (this.#ready) return
    for (const statement of schema) this.#storage.sql.exec(statement)
    this.#ready = true
  }
}

/** The same bytes, in pieces as long as a row may be. */
function rows(chunks: readonly Uint8Array[]): Uint8Array<ArrayBuffer>[] {
  const whole = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, 0))
  let end = 0
  for (const chunk of chunks) {
    whole.set(chunk, end)
    end += chunk.length
  }
  const count = Math.ceil(whole.length / rowBytes)
  return Array.from({ length: count }, (_, index) => whole.slice(index * rowBytes, (index + 1) * rowBytes))
}
