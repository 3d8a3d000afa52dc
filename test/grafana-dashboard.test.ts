/** The dashboard of the observability example is one that Grafana takes, by its data model of version 39; that its queries find something is seen in test/e2e. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { z } from 'zod';
import { loadMesh } from '../src/interop/load-mesh.ts';

const example = join(import.meta.dirname, '../examples/compose/observability');
const text = readFileSync(join(example, 'grafana/dashboards/mesh.json'), 'utf8');

const datasource = z.strictObject({ type: z.literal('prometheus'), uid: z.literal('${datasource}') });
const step = z.strictObject({ color: z.string(), value: z.number().nullable() });
const field = z.strictObject({
  unit: z.enum(['short', 'reqps', 'ops', 'cps', 'Bps', 'bytes', 'ms', 's', 'percentunit']),
  min: z.number().optional(),
  max: z.number().optional(),
  thresholds: z.strictObject({ mode: z.literal('absolute'), steps: z.array(step).min(1) }).optional(),
  mappings: z
    .array(z.strictObject({ type: z.literal('value'), options: z.record(z.string(), z.object({ text: z.string() })) }))
    .optional(),
  custom: z.object({}).loose().optional(),
});
const override = z.strictObject({
  matcher: z.strictObject({ id: z.literal('byName'), options: z.string() }),
  properties: z.array(z.strictObject({ id: z.literal('unit'), value: z.string() })),
});
const gridPos = z.strictObject({ h: z.int().min(1), w: z.int().min(1).max(24), x: z.int().min(0).max(23), y: z.int().min(0) });
const target = z.strictObject({
  refId: z.string().regex(/^[A-Z]$/),
  datasource,
  expr: z.string().min(1),
  legendFormat: z.string().optional(),
  instant: z.boolean().optional(),
  format: z.literal('table').optional(),
});
const row = z.strictObject({
  id: z.int(),
  type: z.literal('row'),
  title: z.string(),
  collapsed: z.literal(false),
  gridPos,
  panels: z.array(z.never()),
});
const panel = z.strictObject({
  id: z.int(),
  type: z.enum(['stat', 'timeseries', 'table']),
  title: z.string().min(1),
  description: z.string().optional(),
  gridPos,
  datasource,
  fieldConfig: z.strictObject({ defaults: field, overrides: z.array(override) }),
  options: z.object({}).loose().optional(),
  targets: z.array(target).min(1),
  transformations: z.array(z.strictObject({ id: z.enum(['merge', 'organize']), options: z.object({}).loose() })).optional(),
});
const variable = z.strictObject({
  name: z.string(),
  label: z.string(),
  type: z.literal('query'),
  datasource,
  query: z.strictObject({ query: z.string(), refId: z.string() }),
  definition: z.string(),
  refresh: z.literal(2),
  sort: z.literal(1),
  multi: z.literal(true),
  includeAll: z.literal(true),
  allValue: z.literal('.*'),
  current: z.object({}).loose(),
});
const dashboard = z.strictObject({
  title: z.string(),
  uid: z.string().max(40),
  description: z.string(),
  tags: z.array(z.string()),
  editable: z.boolean(),
  graphTooltip: z.literal(1),
  schemaVersion: z.literal(39),
  version: z.int(),
  refresh: z.string(),
  time: z.strictObject({ from: z.string(), to: z.string() }),
  timezone: z.literal('browser'),
  templating: z.strictObject({
    list: z.tuple([
      z.strictObject({
        name: z.literal('datasource'),
        label: z.string(),
        type: z.literal('datasource'),
        query: z.literal('prometheus'),
        current: z.strictObject({}),
      }),
      variable,
      variable,
    ]),
  }),
  annotations: z.strictObject({ list: z.array(z.never()) }),
  links: z.array(z.never()),
  // Neither `__inputs` nor an `id`: the same file is provisioned, and imported by hand.
  panels: z.array(z.discriminatedUnion('type', [row, panel])),
});

test('has the shape that Grafana imports', () => {
  assert.equal(z.prettifyError(dashboard.safeParse(JSON.parse(text)).error ?? new z.ZodError([])), '');
});

test('each panel has its own number and its own place, each query its own letter', () => {
  const { panels } = dashboard.parse(JSON.parse(text));
  assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length);
  const taken = new Set<string>();
  for (const { title, gridPos: at, ...rest } of panels) {
    assert.ok(at.x + at.w <= 24, title);
    for (let x = at.x; x < at.x + at.w; x++)
      for (let y = at.y; y < at.y + at.h; y++) {
        assert.ok(!taken.has(`${x} ${y}`), `${title} lies over another panel`);
        taken.add(`${x} ${y}`);
      }
    if ('targets' in rest) assert.equal(new Set(rest.targets.map(({ refId }) => refId)).size, rest.targets.length, title);
  }
});

test('only variables that are there are used, and each of them is', () => {
  const { templating, panels } = dashboard.parse(JSON.parse(text));
  const named = templating.list.map(({ name }) => name).sort();
  const used = new Set([...JSON.stringify(panels).matchAll(/\$\{?(\w+)/g)].map(([, name = '']) => name));
  used.delete('__rate_interval');
  assert.deepEqual([...used].sort(), named);
});

test('the example is a mesh without a finding, and what Grafana is told leads to what is there', async () => {
  const { config, diagnostics } = await loadMesh({ file: join(example, 'mesh.yaml'), env: {}, profiles: [], project: null });
  assert.deepEqual(diagnostics, []);
  assert.deepEqual(config?.metrics?.scrapers, ['prometheus']);
  const provisioned = (file: string): unknown => parse(readFileSync(join(example, 'grafana/provisioning', file), 'utf8'));
  const { datasources } = z
    .object({
      apiVersion: z.literal(1),
      datasources: z.array(z.object({ type: z.string(), url: z.url(), isDefault: z.boolean() })).length(1),
    })
    .parse(provisioned('datasources/prometheus.yaml'));
  const url = new URL(datasources[0]?.url ?? '');
  const service = config.services.find(({ name }) => name === url.hostname);
  assert.deepEqual(
    service?.ports.map(({ port }) => port),
    [Number(url.port)],
  );
  const { providers } = z
    .object({
      apiVersion: z.literal(1),
      providers: z.array(z.object({ type: z.literal('file'), options: z.object({ path: z.string() }) })).length(1),
    })
    .parse(provisioned('dashboards/mesh.yaml'));
  const compose = readFileSync(join(example, 'compose.yaml'), 'utf8');
  const folder = providers[0]?.options.path;
  assert.ok(
    compose.includes(`- ./grafana/dashboards:${folder}:ro`) && compose.includes(`HOME_DASHBOARD_PATH: ${folder}/mesh.json`),
  );
});
