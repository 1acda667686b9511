import { z } from '@hono/zod-openapi'
import { multimodalRequest } from '../../shared/completion-schema.ts'
import { ApiError } from '../../shared/errors.ts'
import { linesOf, webhookField } from '../../shared/job-schema.ts'
import { parseRequest } from '../../shared/parse-request.ts'
import { type CompletionEndpoint, type JsonObject, multimodalEndpoint } from '../endpoints.ts'
import type { Settings } from '../env.ts'
import { maxTokensOf } from '../intake/cost.ts'
import { type IntakeLimits, sumOf } from '../intake/intake.ts'
import type { SizedPicture } from '../intake/picture.ts'
import type { JobDemand } from './job-book.ts'

/** Lines of one batch, and pictures of all of them: each line is a row of its key's object, each picture is held here. */
const maxLines = 1000
/** A Worker asks the world a limited number of times for one request. */
const maxBatchUrls = 40

/** What the edge must know of an endpoint to take jobs in. */
export interface JobEndpoint extends CompletionEndpoint {
  /** Each job's own request, in order. */
  jobs(request: JsonObject): JsonObject[]
  limits(usual: IntakeLimits): IntakeLimits
  /** URLs one submission may name. */
  maxUrls(usual: IntakeLimits): number
}

/** `stream` is refused by value, so that who sends `stream: false` along is understood. */
const jobRequest = z
  .strictObject({ ...multimodalRequest.shape, webhook: webhookField.optional() })
  .refine(({ stream }) => stream !== true, {
    path: ['stream'],
    params: { code: 'unsupported_parameter' },
    message: 'a job has no stream; wait for its result',
  })

export const jobEndpoint: JobEndpoint = {
  ...multimodalEndpoint,
  path: '/v1/jobs',
  schema: jobRequest,
  jobs: (request) => [request],
  limits: (usual) => usual,
  maxUrls: ({ maxImages }) => maxImages,
}

const { pictures: picturesOf, normalise } = multimodalEndpoint

/** A batch is taken in as one request with many lines. */
export const batchEndpoint: JobEndpoint = {
  path: '/v1/batches',
  schema: z.looseObject({ lines: z.array(z.looseObject({})) }),
  takesForms: false,
  parseLines,
  jobs: linesIn,
  pictures: (request) =>
    linesIn(request).flatMap((line, index) =>
      picturesOf(line).map(({ param, reference }) => ({ param: `lines[${index}].${param}`, reference })),
    ),
  normalise(request, references, defaultMaxNewTokens) {
    let next = 0
    const lines = linesIn(request).map((line) => {
      const own = references.slice(next, next + picturesOf(line).length)
      next += own.length
      return normalise(line, own, maxNewTokensOf(line) ?? defaultMaxNewTokens)
    })
    return { lines }
  },
  wanted: () => ({ maxNewTokens: null, answers: 1 }),
  limits: (usual) => ({ ...usual, maxImages: maxLines }),
  maxUrls: () => maxBatchUrls,
}

/** What each of the jobs may take at most, given the pictures whose sizes are known. */
export function demandsOf(
  { jobs }: JobEndpoint,
  request: JsonObject,
  pictures: readonly SizedPicture[],
  { defaultMaxNewTokens }: IntakeLimits,
  { MODEL_PROFILE }: Settings,
): JobDemand[] {
  const own = Map.groupBy(pictures, ({ param }) => lineOf(param))
  return jobs(request).map((job, line) => {
    const { image: _, webhook: __, ...texts } = job
    const ofLine = own.get(line) ?? []
    const tokens = maxTokensOf(
      {
        textBytes: new TextEncoder().encode(JSON.stringify(texts)).length,
        hasTools: false,
        pictures: ofLine,
        maxNewTokens: maxNewTokensOf(job) ?? defaultMaxNewTokens,
        answers: 1,
      },
      MODEL_PROFILE,
    )
    return { tokens, ...sumOf(ofLine), images: ofLine.length }
  })
}

/** A picture's name says which line it is of; a single job is line 0. */
function lineOf(param: string): number {
  return Number(/^lines\[(\d+)\]/.exec(param)?.[1] ?? 0)
}

function linesIn(request: JsonObject): JsonObject[] {
  return request['lines'] as JsonObject[] // made by `parseLines`
}

function maxNewTokensOf({ max_new_tokens }: JsonObject): number | null {
  return typeof max_new_tokens === 'number' ? max_new_tokens : null
}

/** @throws ApiError naming the line and what is wrong in it. */
function parseLines(text: string): JsonObject {
  const lines = linesOf(text)
  if (lines.length === 0 || lines.length > maxLines) {
    throw new ApiError('invalid_request', `a batch has 1 to ${maxLines} lines here, not ${lines.length}`)
  }
  return { lines: lines.map(({ line, number }) => parseLine(line, number)) }
}

function parseLine(line: string, number: number): JsonObject {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch (cause) {
    throw new ApiError('invalid_json', `line ${number} is not valid JSON`, { cause })
  }
  try {
    return parseRequest(jobRequest, value)
  } catch (error) {
    if (!(error instanceof ApiError)) throw error
    const { code, message, param } = error
    throw new ApiError(code, `line ${number}: ${message}`, param === null ? {} : { param })
  }
}
