import { jobStatuses } from '../../shared/job-schema.ts'

export type JobStatus = (typeof jobStatuses)[number]

/** What is known of a job, from the moment Redis has it until its result expires. */
export interface JobRecord {
  readonly id: string
  readonly status: JobStatus
  readonly caller: string
  readonly createdMs: number
  readonly finishedMs: number | null
  /** Runs begun so far. */
  readonly attempts: number
  /** JSON of the answer; null unless done. */
  readonly result: string | null
  /** JSON of the error body: why the last attempt failed, or the job is dead. */
  readonly error: string | null
}

/** A job as it lies in the stream: `fields` are names and values in turn. */
export interface JobEntry {
  readonly id: string
  readonly fields: readonly string[]
}

/** Caller of a job that was added to the stream without one. */
export const DEFAULT_CALLER = 'anonymous'

export const isOver = (status: JobStatus) => status === 'done' || status === 'dead' || status === 'cancelled'

/** A job's id is its entry's in the stream. */
export const isJobId = (id: string) => /^\d{1,15}-\d{1,10}$/.test(id)

/** The values of one field; a stream's entry may repeat it. */
export function valuesOf({ fields }: JobEntry, name: string): readonly string[] {
  return fields.filter((_, index) => index % 2 === 1 && fields[index - 1] === name)
}

/** Reads the hash behind a job; null when there is none. */
export function readRecord(id: string, hash: Readonly<Record<string, string>>): JobRecord | null {
  const status = jobStatuses.find((known) => known === hash['status'])
  if (status === undefined) return null
  return {
    id,
    status,
    caller: hash['caller'] ?? DEFAULT_CALLER,
    createdMs: Number(hash['created'] ?? Number.parseInt(id, 10)),
    finishedMs: hash['finished'] === undefined ? null : Number(hash['finished']),
    attempts: Number(hash['attempt'] ?? 0),
    result: hash['result'] ?? null,
    error: status === 'dead' || !isOver(status) ? (hash['error'] ?? null) : null,
  }
}

/** A job nobody has begun has no hash yet if it was added to the stream by hand. */
export function queuedRecord(entry: JobEntry): JobRecord {
  return {
    id: entry.id,
    status: 'queued',
    caller: valuesOf(entry, 'caller')[0] ?? DEFAULT_CALLER,
    createdMs: Number.parseInt(entry.id, 10),
    finishedMs: null,
    attempts: 0,
    result: null,
    error: null,
  }
}
