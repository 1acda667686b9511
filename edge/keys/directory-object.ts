import { DurableObject } from 'cloudflare:workers'

const schema = `CREATE TABLE IF NOT EXISTS key
  (id TEXT PRIMARY KEY, created_at TEXT NOT NULL) WITHOUT ROWID`

/** Which keys exist, and nothing else of them: only the operator's list asks it, never a request. */
export class DirectoryObject extends DurableObject {
  readonly #sql: SqlStorage

  constructor(ctx: DurableObjectState, env: Cloudflare.Env) {
    super(ctx, env)
    this.#sql = ctx.storage.sql
    this.#sql.exec(schema)
  }

  /** Entered before the key is made, so that no key can exist unlisted. */
  add(id: string, createdAt: string) {
    this.#sql.exec('INSERT OR IGNORE INTO key (id, created_at) VALUES (?, ?)', id, createdAt)
  }

  remove(id: string) {
    this.#sql.exec('DELETE FROM key WHERE id = ?', id)
  }

  /** Ids after `after` in their order, at most `count`. */
  list(after: string, count: number): string[] {
    const rows = this.#sql.exec<{ id: string }>(
      'SELECT id FROM key WHERE id > ? ORDER BY id LIMIT ?',
      after,
      count,
    )
    return rows.toArray().map(({ id }) => id)
  }
}
