import { fileURLToPath } from 'node:url'

/** The workerd that came with the project. */
export const workerdPath = fileURLToPath(new URL('../../node_modules/.bin/workerd', import.meta.url))
