import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { ApiError } from '../../shared/errors.ts'
import { errorResponses } from '../error-responses.ts'
import type { HttpContext, HttpEnv } from '../http-env.ts'
import { formatKey, hashSecret } from '../keys/key-format.ts'
import type { KeyDescription } from '../keys/key-object.ts'
import { defaultLimits, type KeyRecord } from '../keys/key-record.ts'
import { keyChanges, keyDescription, keyList, keyWithSecret, newKey, rotation } from './schemas.ts'

const tags = ['admin']
const security = [{ adminToken: [] }]
const idParam = z.object({ id: z.string().regex(/^[0-9A-Za-z]{12}$/) })
const json = <T extends z.ZodType>(schema: T) => ({ 'application/json': { schema } })
const listQuery = z.object({
  after: z.string().max(12).default(''),
  limit: z.coerce.number().int().min(1).max(100).default(50),
})

const createKeyRoute = createRoute({
  method: 'post',
  path: '/admin/keys',
  tags,
  security,
  request: { body: { required: true, content: json(newKey) } },
  responses: {
    201: { description: 'made', content: json(keyWithSecret) },
    ...errorResponses('invalid_request'),
  },
})
const listKeysRoute = createRoute({
  method: 'get',
  path: '/admin/keys',
  tags,
  security,
  request: { query: listQuery },
  responses: {
    200: { description: 'a page of keys', content: json(keyList) },
    ...errorResponses('invalid_request'),
  },
})
const readKeyRoute = createRoute({
  method: 'get',
  path: '/admin/keys/{id}',
  tags,
  security,
  request: { params: idParam },
  responses: {
    200: { description: 'the key', content: json(keyDescription) },
    ...errorResponses('not_found'),
  },
})
const updateKeyRoute = createRoute({
  method: 'patch',
  path: '/admin/keys/{id}',
  tags,
  security,
  request: { params: idParam, body: { required: true, content: json(keyChanges) } },
  responses: {
    200: { description: 'as it is now', content: json(keyDescription) },
    ...errorResponses('invalid_request', 'not_found'),
  },
})
const rotateKeyRoute = createRoute({
  method: 'post',
  path: '/admin/keys/{id}/rotate',
  tags,
  security,
  request: { params: idParam, body: { content: json(rotation) } },
  responses: {
    200: { description: 'the new secret, the id unchanged', content: json(keyWithSecret) },
    ...errorResponses('invalid_request', 'not_found'),
  },
})
const removeKeyRoute = createRoute({
  method: 'delete',
  path: '/admin/keys/{id}',
  tags,
  security,
  request: { params: idParam },
  responses: { 204: { description: 'gone, with its usage' }, ...errorResponses('not_found') },
})

/** What the operator does with keys. Every change holds from the key's next request on. */
export function addKeyRoutes(app: OpenAPIHono<HttpEnv>) {
  app.openapi(createKeyRoute, async (c) => c.json(await createKey(c, c.req.valid('json')), 201))
  app.openapi(listKeysRoute, async (c) => {
    const { after, limit } = c.req.valid('query')
    const ids = await directory(c).list(after, limit)
    const keys = await Promise.all(ids.map((id) => keyObject(c, id).describe()))
    const next = ids.length === limit ? (ids.at(-1) ?? null) : null
    return c.json({ keys: keys.filter((key) => key !== null), after: next }, 200)
  })
  app.openapi(readKeyRoute, async (c) =>
    c.json(found(await keyObject(c, c.req.valid('param').id).describe()), 200),
  )
  app.openapi(updateKeyRoute, async (c) => {
    const object = keyObject(c, c.req.valid('param').id)
    const { limits } = found(await object.describe())
    const { limits: changed, ...rest } = c.req.valid('json')
    return c.json(
      found(
        await object.update(definedOnly({ ...rest, limits: { ...limits, ...definedOnly(changed ?? {}) } })),
      ),
      200,
    )
  })
  app.openapi(rotateKeyRoute, async (c) => {
    const { id } = c.req.valid('param')
    const { overlap_seconds } = c.req.valid('json')
    const object = keyObject(c, id)
    const { mode } = found(await object.describe())
    const key = await c.get('services').checker.mint(mode, id)
    const secret = { hash: await hashSecret(key.secret), last4: key.secret.slice(-4) }
    const changed = found(await object.rotate(secret, overlap_seconds * 1000))
    return c.json({ ...changed, key: formatKey(key) }, 200)
  })
  app.openapi(removeKeyRoute, async (c) => {
    const { id } = c.req.valid('param')
    const removed = await keyObject(c, id).remove()
    await directory(c).remove(id)
    if (!removed) throw noSuchKey()
    return c.body(null, 204)
  })
}

async function createKey(c: HttpContext, { mode, ...settings }: z.infer<typeof newKey>) {
  const key = await c.get('services').checker.mint(mode)
  const now = new Date().toISOString()
  const record: KeyRecord = {
    models: null,
    ips: null,
    expires_at: null,
    disabled: false,
    tenant: key.id,
    ...definedOnly(settings),
    limits: { ...defaultLimits, ...definedOnly(settings.limits ?? {}) },
    name: settings.name,
    id: key.id,
    mode,
    created_at: now,
    updated_at: now,
    secrets: [
      { hash: await hashSecret(key.secret), last4: key.secret.slice(-4), created_at: now, expires_at: null },
    ],
  }
  await directory(c).add(key.id, now)
  const object = keyObject(c, key.id)
  if (!(await object.create(record))) throw new Error('a fresh key id is taken')
  return { ...found(await object.describe()), key: formatKey(key) }
}

function keyObject({ env }: HttpContext, id: string) {
  return env.KEYS.get(env.KEYS.idFromName(id))
}

function directory({ env }: HttpContext) {
  return env.DIRECTORY.get(env.DIRECTORY.idFromName('directory'))
}

/** @throws ApiError `not_found` */
function found(description: KeyDescription | null): KeyDescription {
  if (description === null) throw noSuchKey()
  return description
}

function noSuchKey() {
  return new ApiError('not_found', 'there is no such key')
}

/** Without the members that are undefined: what is absent keeps its value. */
function definedOnly<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>
  }
}
