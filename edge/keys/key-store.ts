import type { SavedLedger } from '../limits/durable-ledger.ts'
import type { LedgerState } from '../limits/ledger.ts'
import { type KeyRecord, keyRecord } from './key-record.ts'
import { addUsage, type DayUsage, noUsage } from './usage-log.ts'

/** Each statement list takes the tables one version further. Written once, never changed. */
const migrations = [
  [
    'CREATE TABLE key (id INTEGER PRIMARY KEY CHECK (id = 1), record TEXT NOT NULL)',
    'CREATE TABLE ledger (id INTEGER PRIMARY KEY CHECK (id = 1), saved TEXT NOT NULL)',
    'CREATE TABLE period (period TEXT PRIMARY KEY, tokens INTEGER NOT NULL) WITHOUT ROWID',
    `CREATE TABLE usage (day TEXT PRIMARY KEY, requests INTEGER NOT NULL, prompt_tokens INTEGER NOT NULL,
      completion_tokens INTEGER NOT NULL, images INTEGER NOT NULL, image_bytes INTEGER NOT NULL) WITHOUT ROWID`,
  ],
] as const

/** Days of usage kept: a year and a month, so that any month can be compared with the year before. */
const maxUsageDays = 400

const freshLedger: LedgerState = { lastMs: 0, buckets: [], leases: [] }

/** The SQLite tables of one key. */
export class KeyStore {
  readonly #storage: DurableObjectStorage

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage
    if (this.#exists()) this.#migrate()
  }

  /** null: no key was made here, or it was deleted. Asking creates nothing, so a guess leaves no trace. */
  readRecord(): KeyRecord | null {
    if (!this.#exists()) return null
    const [row] = this.#rows<{ record: string }>('SELECT record FROM key')
    return row ? keyRecord.parse(JSON.parse(row.record)) : null
  }

  writeRecord(record: KeyRecord) {
    if (!this.#exists()) this.#migrate()
    this.#run('INSERT OR REPLACE INTO key VALUES (1, ?)', JSON.stringify(record))
  }

  readLedger(): { saved: SavedLedger; periods: [string, number][] } {
    const [row] = this.#rows<{ saved: string }>('SELECT saved FROM ledger')
    const periods = this.#rows<{ period: string; tokens: number }>('SELECT period, tokens FROM period')
    const saved: SavedLedger = row ? JSON.parse(row.saved) : { ledger: freshLedger, headroom: null }
    return { saved, periods: periods.map(({ period, tokens }) => [period, tokens]) }
  }

  writeLedger(saved: SavedLedger, periods: readonly [string, number][], usage: Iterable<[string, DayUsage]>) {
    this.#storage.transactionSync(() => {
      this.#run('INSERT OR REPLACE INTO ledger VALUES (1, ?)', JSON.stringify(saved))
      for (const entry of periods) this.#run('INSERT OR REPLACE INTO period VALUES (?, ?)', ...entry)
      for (const [day, added] of usage) this.#addUsage(day, added)
    })
  }

  /** The newest day first. */
  readUsage(days: number): (DayUsage & { day: string })[] {
    return this.#rows<DayUsage & { day: string }>('SELECT * FROM usage ORDER BY day DESC LIMIT ?', days)
  }

  async clear() {
    await this.#storage.deleteAll()
  }

  #addUsage(day: string, added: DayUsage) {
    const [before = noUsage] = this.#rows<DayUsage & { day: string }>(
      'SELECT * FROM usage WHERE day = ?',
      day,
    )
    const { requests, prompt_tokens, completion_tokens, images, image_bytes } = addUsage(before, added)
    const values = [requests, prompt_tokens, completion_tokens, images, image_bytes]
    this.#run('INSERT OR REPLACE INTO usage VALUES (?, ?, ?, ?, ?, ?)', day, ...values)
    this.#run(
      'DELETE FROM usage WHERE day NOT IN (SELECT day FROM usage ORDER BY day DESC LIMIT ?)',
      maxUsageDays,
    )
  }

  #exists(): boolean {
    return this.#rows("SELECT 1 FROM sqlite_master WHERE name = 'schema_version'").length > 0
  }

  #migrate() {
    this.#storage.transactionSync(() => {
      this.#run('CREATE TABLE IF NOT EXISTS schema_version (version INTEGER PRIMARY KEY)')
      const [row] = this.#rows<{ version: number | null }>(
        'SELECT max(version) AS version FROM schema_version',
      )
      for (const [index, statements] of migrations.entries()) {
        if (index < (row?.version ?? 0)) continue
        for (const statement of statements) this.#run(statement)
        this.#run('INSERT INTO schema_version VALUES (?)', index + 1)
      }
    })
  }

  #rows<Row>(query: string, ...bindings: (string | number)[]): Row[] {
    // The columns are those of our own tables, above.
    return this.#storage.sql.exec(query, ...bindings).toArray() as Row[]
  }

  #run(statement: string, ...bindings: (string | number)[]) {
    this.#storage.sql.exec(statement, ...bindings)
  }
}
