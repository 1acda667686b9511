import { createApp } from './app.ts'
import { type Bindings, readSettings } from './env.ts'
import { createServices } from './services.ts'

export { DirectoryObject } from './keys/directory-object.ts'
export { KeyObject } from './keys/key-object.ts'

type App = ReturnType<typeof createApp>

/** One app for each set of bindings: an isolate sees one set, until it is given another. */
const apps = new WeakMap<object, App>()

function appOf(bindings: Bindings): App {
  const known = apps.get(bindings)
  if (known) return known
  const app = createApp(createServices(readSettings(bindings), (url, init) => fetch(url, init)))
  apps.set(bindings, app)
  return app
}

export default {
  fetch: (request, bindings, ctx) => appOf(bindings).fetch(request, bindings, ctx),
} satisfies ExportedHandler<Bindings>
