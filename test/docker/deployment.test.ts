import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import { parseConfig } from '../../backend/config.ts'
import { emptyCounters, emptyRefusals } from '../../backend/engine/stats.ts'
import { Metrics } from '../../backend/metrics.ts'

const docker = fileURLToPath(new URL('../../docker', import.meta.url))
const read = (path: string) => readFileSync(join(docker, path), 'utf8')

/** The names a server tells Prometheus, those of histograms with their suffixes. */
async function toldNames(): Promise<Set<string>> {
  const engine = {
    state: 'serving',
    running: 0,
    waiting: 0,
    callers: 0,
    slots: 1,
    freeSlots: 1,
    kvUse: 0,
    featureBytes: 0,
    featureHits: 0,
    featureMisses: 0,
    stepAgeMs: null,
    counters: emptyCounters(),
    refusals: emptyRefusals(),
  } as const
  const { text } = await new Metrics().scrape({
    state: 'healthy',
    engine,
    jobs: { running: 0, depths: { queued: 0, retrying: 0, dead: 0, unsettled: 0 } },
  })
  const types = [...text.matchAll(/^# TYPE (\w+) (\w+)$/gm)].map(([, name = '', type]) => ({ name, type }))
  const suffixes = ['_bucket', '_sum', '_count']
  return new Set(
    types.flatMap(({ name, type }) => (type === 'histogram' ? suffixes.map((s) => name + s) : [name])),
  )
}

test('every metric the dashboard and the alerts ask for is one the server tells', async () => {
  const told = await toldNames()
  for (const file of ['grafana/dashboards/glm-web.json', 'prometheus/alerts.yaml']) {
    const asked = new Set(read(file).match(/\b(glm|process|nodejs)_[a-z0-9_]+[a-z0-9]\b/g))
    expect(asked.size, file).toBeGreaterThan(5)
    expect(
      [...asked].filter((name) => !told.has(name)),
      file,
    ).toEqual([])
  }
})

test('every alert leads to a chapter that is there', () => {
  const chapters = readFileSync(join(docker, '../docs/operations.md'), 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('#'))
    .map((line) =>
      line
        .replace(/^#+ /, '')
        .toLowerCase()
        .replaceAll(/[^\w -]/g, '')
        .replaceAll(' ', '-'),
    )
  const runbooks = [...read('prometheus/alerts.yaml').matchAll(/operations\.md#([\w-]+)/g)].map(
    ([, anchor]) => anchor,
  )
  expect(runbooks.length).toBeGreaterThan(5)
  for (const anchor of runbooks) expect(chapters).toContain(anchor)
})

test('whoever stops a backend waits longer than its drain takes', () => {
  const drainS = parseConfig([], {}).config.drainTimeout
  const compose = parse(read('compose.yaml')).services.backend.stop_grace_period
  expect(Number.parseInt(compose, 10)).toBeGreaterThan(drainS)
  const [deployment] = parseAllDocuments(read('k8s/base/backend.yaml')).map((document) => document.toJS())
  const { containers, terminationGracePeriodSeconds } = deployment.spec.template.spec
  const env: { name: string; value: string }[] = containers[0].env
  const given = Number(env.find(({ name }) => name === 'GLM_DRAIN_TIMEOUT')?.value ?? drainS)
  const [, pauseS] = containers[0].lifecycle.preStop.exec.command
  expect(terminationGracePeriodSeconds).toBeGreaterThan(given + Number(pauseS))
  const unit = /TimeoutStopSec=(\d+)/.exec(read('systemd/glm-web.service'))?.[1]
  expect(Number(unit)).toBeGreaterThan(drainS)
})

test('every shipped Redis has the settings that no job is lost with', () => {
  for (const file of ['compose.yaml', 'k8s/base/redis.yaml']) {
    const words = read(file).replaceAll(/[\s,[\]"-]+/g, ' ')
    for (const setting of ['appendonly yes', 'appendfsync always', 'maxmemory policy noeviction']) {
      expect(words, file).toContain(setting)
    }
  }
})

test('images run as a numbered user that is not root, and are told to stop by SIGTERM', () => {
  const files = readdirSync(docker).filter((name) => name.endsWith('.Dockerfile'))
  expect(files).toHaveLength(3)
  for (const file of files) {
    const text = read(file)
    expect(text, file).toMatch(/^USER 10001:10001$/m)
    expect(text, file).toMatch(/^STOPSIGNAL SIGTERM$/m)
    expect(text, file).not.toMatch(/:latest|^ADD /m)
    expect(text.match(/apt-get install (?!-y --no-install-recommends)/g), file).toBeNull()
  }
})
