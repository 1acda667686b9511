import { resolve } from 'node:path'
import { bundle } from './bundle.ts'
import { readArguments } from './read-arguments.ts'

// `npm run edge:build -- --backend 127.0.0.1:8080`: the self-hosted edge, ready for `workerd serve`.
const { values } = readArguments({
  options: {
    out: { type: 'string', default: 'dist/edge' },
    listen: { type: 'string', default: '127.0.0.1:8787' },
    backend: { type: 'string', multiple: true, default: ['127.0.0.1:8080'] },
    storage: { type: 'string', default: '.cache/edge-keys' },
  },
})
const { out, listen, backend, storage } = values
const config = await bundle({ out: resolve(out), listen, backends: backend, storage: resolve(storage) })
console.log(`workerd serve ${config}`)
