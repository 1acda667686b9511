// For container engines: exit code 0 once the server on GLM_PORT is ready.
const answer = await fetch(`http://127.0.0.1:${process.env['GLM_PORT'] ?? 8080}/readyz`).catch(() => null)
process.exit(answer?.ok === true ? 0 : 1)
