import { env, stderr, stdout } from 'node:process'

const usage = `usage: npm run glm -- COMMAND [OPTIONS]

  serve                     answer over HTTP (default)
  ask --image FILE PROMPT   answer one question and exit
  convert                   turn a model folder into ONNX graphs
  pull REPO                 download a model

npm run glm -- COMMAND --help lists a command's options.
`

/** Runs one command; resolves with the process's exit code. */
export async function main(args: readonly string[]): Promise<number> {
  const io = { stdout, stderr, env }
  const [command = 'serve', ...rest] = args
  switch (command) {
    case 'serve':
      return (await import('./cli/serve-command.ts')).serveCommand(rest, io)
    case 'ask':
      return (await import('./cli/ask-command.ts')).askCommand(rest, io)
    case 'convert':
      return (await import('./cli/convert-command.ts')).convertCommand(rest, io)
    case 'pull':
      return (await import('./cli/pull-command.ts')).pullCommand(rest, io)
    case 'help':
    case '--help':
    case '-h':
      stdout.write(usage)
      return 0
    case '--version':
      stdout.write(`${(await import('./version.ts')).version}\n`)
      return 0
    default:
      stderr.write(`there is no command ${command}\n\n${usage}`)
      return 2
  }
}
