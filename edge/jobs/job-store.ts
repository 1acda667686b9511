import type { Detached } from '../limits/detached.ts'
import type { OpenJobs } from './job-book.ts'

export interface BookedJob extends Detached {
  readonly images: number
  /** Given back already, since nobody knew whether the job was accepted. */
  readonly released: boolean
}

interface Row extends Record<string, SqlStorageValue> {
  tokens: number
  image_bytes: number
  pixels: number
  images: number
  second: number
  day: string
  month: string
  released: number
}

const schema = [
  `CREATE TABLE IF NOT EXISTS job (id TEXT PRIMARY KEY, tokens INTEGER NOT NULL, image_bytes INTEGER NOT NULL,
    pixels INTEGER NOT NULL, images INTEGER NOT NULL, second INTEGER NOT NULL, day TEXT NOT NULL, month TEXT NOT NULL,
    released INTEGER NOT NULL, expires_ms INTEGER NOT NULL) WITHOUT ROWID`,
  'CREATE INDEX IF NOT EXISTS job_age ON job (expires_ms)',
  'CREATE TABLE IF NOT EXISTS settlement (nonce TEXT PRIMARY KEY, expires_ms INTEGER NOT NULL) WITHOUT ROWID',
  'CREATE INDEX IF NOT EXISTS settlement_age ON settlement (expires_ms)',
] as const

/** The SQLite tables of jobs not settled yet. They are made when first needed. */
export class JobStore {
  readonly #storage: DurableObjectStorage
  #ready = false

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage
  }

  open(): OpenJobs {
    const query = 'SELECT count(*) AS count, total(tokens) AS tokens FROM job WHERE released = 0'
    return this.#exec<{ count: number; tokens: number }>(query).one()
  }

  doubts(): number {
    return this.#exec<{ count: number }>('SELECT count(*) AS count FROM job WHERE released = 1').one().count
  }

  add(id: string, { demand, images, second, periods }: Omit<BookedJob, 'released'>, expiresMs: number) {
    const { tokens, imageBytes, pixels } = demand
    const values = [id, tokens, imageBytes, pixels, images, second, periods.day, periods.month, expiresMs]
    this.#exec('INSERT INTO job VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, ?)', ...values)
  }

  find(id: string): BookedJob | null {
    const [row] = this.#exec<Row>('SELECT * FROM job WHERE id = ?', id).toArray()
    if (!row) return null
    return {
      demand: { tokens: row.tokens, imageBytes: row.image_bytes, pixels: row.pixels },
      images: row.images,
      second: row.second,
      periods: { day: row.day, month: row.month },
      released: row.released !== 0,
    }
  }

  release(id: string) {
    this.#exec('UPDATE job SET released = 1 WHERE id = ?', id)
  }

  remove(id: string) {
    this.#exec('DELETE FROM job WHERE id = ?', id)
  }

  /** Whether there were any. */
  forgetExpired(nowMs: number): boolean {
    return this.#exec('DELETE FROM job WHERE expires_ms <= ?', nowMs).rowsWritten > 0
  }

  remember(nonce: string, expiresMs: number, nowMs: number): boolean {
    this.#exec('DELETE FROM settlement WHERE expires_ms <= ?', nowMs)
    return this.#exec('INSERT OR IGNORE INTO settlement VALUES (?, ?)', nonce, expiresMs).rowsWritten > 0
  }

  #exec<T extends Record<string, SqlStorageValue>>(query: string, ...bindings: (string | number)[]) {
    if (!this.#ready) for (const statement of schema) this.#storage.sql.exec(statement)
    this.#ready = true
    return this.#storage.sql.exec<T>(query, ...bindings)
  }
}
