#!/usr/bin/env node
// Plain JavaScript, so that a Node too old for the rest can still say so.
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
if (major < 22 || (major === 22 && minor < 18)) {
  console.error(
    `Node ${process.version} is too old for this program. Start it through npm (npm start), which brings its own, or install Node 24.`,
  )
  process.exit(2)
}
const { main } = await import('../backend/main.ts')
process.exit(await main(process.argv.slice(2)))
