/**
 * The observability example on a real engine, with a real Prometheus in the mesh and one on the host: every query of Istio's dashboards for traffic and of
 * our own finds data, and nothing that comes and goes disturbs them.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { ensureImages, images, prometheusImage } from '../support/images.ts';
import { istioQueries, istioVariables, type PanelQuery } from '../support/istio-dashboards.ts';
import type { MeshCommand } from '../support/mesh-command.ts';
import { freePort } from '../support/mesh-project.ts';
import { ObservedShop } from '../support/observed-shop.ts';
import { Prometheus } from '../support/prometheus.ts';
import { stray } from '../support/stray.ts';

const project = 'e2e-prometheus';
/** Scrapes come every second, and two make a rate. */
const patience = { timeoutMs: 60_000, everyMs: 250 };
const rateInterval = '30s';

const docs = readFileSync(join(import.meta.dirname, '../../docs/metrics.md'), 'utf8');

let shop: ObservedShop;
let prometheus: Prometheus;
let adminPort: number;
/** An app that calls addresses which are no service. */
let outward: MeshCommand;

async function up(): Promise<void> {
  const started = await shop.mesh('up', '-d', '--wait', '--admin-port', String(adminPort));
  assert.equal(started.code, 0, `mesh up: ${started.stderr}${started.stdout}`);
}

async function addressOf(workload: string): Promise<string> {
  return (await shop.status()).workloads.find(({ name }) => name === workload)?.address ?? assert.fail(`no ${workload}`);
}

before(async () => {
  await ensureImages(prometheusImage);
  shop = await ObservedShop.create(project);
  prometheus = new Prometheus(shop.prometheusPort);
  adminPort = await freePort();
  await up();
  // Straight to a pod, past its name: refused, and counted as a call to an unknown address.
  const url = `http://${await addressOf('stock-1')}:8080/`;
  const loop = `setInterval(() => fetch('${url}').then(a => a.text()).catch(() => {}), 200)`;
  outward = shop.start('exec', 'front', 'node', '-e', loop);
});

after(async () => {
  await outward?.[Symbol.asyncDispose]();
  await shop?.[Symbol.asyncDispose]();
});

function filled(expr: string, variables: Readonly<Record<string, string>>): string {
  return expr.replace(/\$(\w+)/g, (whole, name: string) => variables[name] ?? whole);
}

const all = (values: readonly string[]): string =>
  `(${values.map(value => value.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('|')})`;

/** What a user picks to see something in a panel; the rest is what Grafana would fill in. */
async function picked({ dashboard, expr }: PanelQuery): Promise<Readonly<Record<string, string>>> {
  const variables: Record<string, string> = { __rate_interval: rateInterval, qrep: 'destination' };
  if (dashboard === 'mesh') return variables;
  const tcp = expr.includes('istio_tcp_');
  const subject = !tcp ? 'front' : expr.includes('source_workload=~"$workload"') ? 'stock' : 'redis';
  for (const { name, expr: question, regex } of istioVariables[dashboard]) {
    const values = await prometheus.pick(filled(question, variables), regex);
    if (name === dashboard) assert.ok(values.includes(subject), `$${name} is one of ${values}`);
    variables[name] = name === dashboard ? subject : name === 'namespace' ? 'default' : all(values);
  }
  return variables;
}

/** A panel that shows something: a number above nothing. */
async function shows(expr: string): Promise<void> {
  const series = await prometheus.query(expr);
  assert.ok(
    series.some(({ value }) => value > 0),
    `${expr} gives ${JSON.stringify(series.slice(0, 3))}`,
  );
}

test('every pod and the daemon are targets, each under its name', async () => {
  const { workloads } = await shop.status();
  await eventually(async () => {
    const targets = await prometheus.targets();
    assert.deepEqual(
      targets.filter(({ health }) => health !== 'up'),
      [],
    );
    const names = targets.filter(({ labels }) => labels['job'] === 'mesh').map(({ labels }) => labels['workload']);
    assert.deepEqual(
      names.sort(),
      workloads.map(({ name }) => name),
    );
    assert.ok(targets.some(({ labels }) => labels['job'] === 'mesh-daemon'));
  }, patience);
  const [v2] = await prometheus.query('up{workload="catalog-v2-1"}');
  assert.deepEqual([v2?.labels['service'], v2?.labels['version'], v2?.labels['mesh']], ['catalog', 'v2', project]);
});

describe("Istio's dashboards", () => {
  const panels = Map.groupBy(istioQueries, ({ dashboard, panel }) => `${dashboard}: ${panel}`);
  for (const [title, queries] of panels) {
    const answered = queries.filter(({ never }) => never === undefined);
    const { never } = queries.find(one => one.never !== undefined) ?? {};
    const part = never === undefined ? `${answered.length}` : `${answered.length} of ${queries.length}, ${never}`;
    test(`${title} (${part})`, async () => {
      for (const query of queries) {
        if (query.never !== undefined) {
          assert.deepEqual(await prometheus.query(filled(query.expr, await picked(query))), []);
          continue;
        }
        await eventually(async () => {
          await shop.callInPlaintext();
          await shows(filled(query.expr, await picked(query)));
        }, patience);
      }
    });
  }

  test('the numbers that the docs tell', () => {
    const count = (dashboard: PanelQuery['dashboard']): readonly number[] => {
      const asked = istioQueries.filter(query => query.dashboard === dashboard);
      return [asked.filter(({ never }) => never === undefined).length, asked.length];
    };
    assert.deepEqual(
      [count('mesh'), count('service'), count('workload')],
      [
        [11, 12],
        [76, 76],
        [56, 71],
      ],
    );
    for (const row of [
      '| Istio Mesh Dashboard | 12 | 11 |',
      '| Istio Service Dashboard | 76 | 76 |',
      '| Istio Workload Dashboard | 71 | 56 |',
    ])
      assert.ok(docs.includes(row), row);
  });
});

describe('our dashboard', () => {
  interface Panel {
    readonly title: string;
    readonly targets?: readonly { readonly expr: string }[];
  }
  const file = join(import.meta.dirname, '../../examples/compose/observability/grafana/dashboards/mesh.json');
  const { panels, templating } = JSON.parse(readFileSync(file, 'utf8')) as {
    readonly panels: readonly Panel[];
    readonly templating: { readonly list: readonly { readonly name: string; readonly definition?: string }[] };
  };

  before(async () => {
    // So that there was a reload to tell of.
    await shop.edit(text => text.replace('timeout: 2s', 'timeout: 3s'));
  });

  for (const { title, targets = [] } of panels) {
    if (targets.length === 0) continue;
    test(`${title} (${targets.length})`, async () => {
      for (const { expr } of targets) {
        const query = filled(expr, { __rate_interval: rateInterval, service: '.*', workload: '.*' });
        await eventually(async () => {
          await shop.callInPlaintext();
          const series = await prometheus.query(query);
          assert.ok(
            series.some(({ value }) => Number.isFinite(value)),
            `${query} gives ${JSON.stringify(series)}`,
          );
        }, patience);
      }
    });
  }

  test('as many queries as the docs tell', () => {
    const count = panels.reduce((sum, { targets = [] }) => sum + targets.length, 0);
    assert.ok(docs.includes(`| ours | ${count} | ${count} |`), `${count}`);
  });

  test('its variables offer what there is', async () => {
    for (const [name, expected] of [
      ['service', ['catalog', 'front', 'redis', 'stock']],
      ['workload', ['catalog-v1', 'catalog-v2', 'front', 'redis', 'stock']],
    ] as const) {
      const { definition = '' } = templating.list.find(each => each.name === name) ?? {};
      const [, selector = '', label = ''] = /^label_values\((\{.*\}), (\w+)\)$/.exec(definition) ?? [];
      const offered = await prometheus.labelValues(label, selector);
      assert.deepEqual(
        expected.filter(value => !offered.includes(value)),
        [],
        `of ${name}`,
      );
    }
  });
});

describe('scrapes', () => {
  test('are no traffic: nobody counts them', async () => {
    assert.deepEqual(await prometheus.query('{__name__=~"istio_.*", source_workload="prometheus"}'), []);
    assert.deepEqual(
      await prometheus.query(
        '{__name__=~"mesh_passthrough_connections_total|mesh_connections_refused_total", workload="prometheus-1"}',
      ),
      [],
    );
  });

  test('are for scrapers alone: another app is hung up on', async () => {
    const fetched = async (url: string): Promise<string> => {
      const script = `fetch('${url}').then(a => console.log(a.status), e => console.log(e.cause.code))`;
      return (await shop.mesh('exec', 'visitors', 'node', '-e', script)).stdout.trim();
    };
    for (const path of ['targets', 'daemon/metrics', 'stats/prometheus'])
      assert.match(await fetched(`http://127.0.0.1:15020/${path}`), /^(?:ECONNRESET|UND_ERR_SOCKET)$/, path);
    // By its own sidecar, which has no more success.
    assert.equal(await fetched(`http://${await addressOf('stock-1')}:15020/stats/prometheus`), '503');
  });

  test('pass whatever is refused to services', async () => {
    const rules =
      '\negress: registry-only\naccess: [{action: deny, from: prometheus}, {action: deny, from: front, to: catalog}]\n';
    await shop.edit(text => text + rules);
    try {
      // Now `front` may not call `catalog`, and Prometheus nobody.
      await eventually(async () => {
        await shows('sum(rate(istio_requests_total{response_code="403", destination_service_name="catalog"}[5s]))');
        await shows('sum(rate(mesh_access_decisions_total{result="denied", dry_run="false", service="catalog"}[5s]))');
      }, patience);
      // Each of these was asked after the rules had come.
      const since = Date.now();
      await eventually(async () => {
        const targets = await prometheus.targets();
        assert.ok(targets.every(({ health, lastScrape }) => health === 'up' && Date.parse(lastScrape) > since));
      }, patience);
    } finally {
      await shop.edit(text => text.replace(rules, ''));
    }
  });

  test('find pods that come, and forget those that go', async () => {
    const stocks = async (): Promise<readonly (string | undefined)[]> =>
      (await prometheus.targets())
        .filter(({ labels, health }) => labels['service'] === 'stock' && health === 'up')
        .map(({ labels }) => labels['workload'])
        .sort();
    await shop.edit(text => text.replace('stock:   {', 'stock:   {replicas: 2, '));
    await eventually(async () => assert.deepEqual(await stocks(), ['stock-1', 'stock-2']), patience);
    await shop.edit(text => text.replace('replicas: 2, ', ''));
    await eventually(async () => assert.deepEqual(await stocks(), ['stock-1']), patience);
  });

  test('end when mesh.yaml names the scraper no more, and come back with its name, without a restart', async () => {
    const before = (await shop.inspect('prometheus-1-sidecar')).State.StartedAt;
    await shop.edit(text => text.replace('metrics: {scrapers', '# metrics: {scrapers'));
    // Targets that Prometheus cannot look up any more it keeps as they were.
    await eventually(async () => assert.ok((await prometheus.targets()).every(({ health }) => health === 'down')), patience);
    await shop.edit(text => text.replace('# metrics: {scrapers', 'metrics: {scrapers'));
    await eventually(async () => assert.ok((await prometheus.targets()).every(({ health }) => health === 'up')), patience);
    assert.equal((await shop.inspect('prometheus-1-sidecar')).State.StartedAt, before);
  });

  test('go on after Prometheus was killed, with what it knew', async () => {
    const [{ value: reads = 0 } = {}] = await prometheus.query('shop_stock_reads_total');
    assert.ok(reads > 0);
    const { Pid } = (await shop.inspect('prometheus-1')).State;
    const killed = await stray({ image: images.curl, network: 'none', pid: 'host', command: ['bash', '-c', `kill -9 ${Pid}`] });
    assert.equal(killed.code, 0, killed.output);
    await eventually(async () => assert.ok(![0, Pid].includes((await shop.inspect('prometheus-1')).State.Pid)), patience);
    await eventually(async () => {
      assert.ok((await prometheus.targets()).filter(({ health }) => health === 'up').length === 9);
      const [first] = await prometheus.query('min_over_time(shop_stock_reads_total[30m])');
      assert.ok((first?.value ?? Number.POSITIVE_INFINITY) <= reads);
    }, patience);
  });

  test('of a sidecar that starts anew count on from zero, and rates stay right', async () => {
    const at = 'sum(istio_requests_total{workload="stock-1"})';
    const counted = await eventually(async () => {
      const [{ value = 0 } = {}] = await prometheus.query(at);
      assert.ok(value > 20);
      return value;
    }, patience);
    await shop.docker.getContainer(`${project}-stock-1-sidecar`).restart({ t: 0 });
    await eventually(async () => {
      const [{ value = counted } = {}] = await prometheus.query(at);
      assert.ok(value < counted && value > 0, `${value}`);
    }, patience);
    // Counted from zero, a rate without resets would be far below nothing.
    const [{ value: rate = -1 } = {}] = await prometheus.query('sum(rate(istio_requests_total{workload="stock-1"}[2m]))');
    assert.ok(rate > 0 && rate < 100, `${rate}`);
    const [{ value: resets = 0 } = {}] = await prometheus.query('sum(resets(istio_requests_total{workload="stock-1"}[5m]))');
    assert.ok(resets >= 1);
  });

  test('of the daemon end with it, those of sidecars do not, and it comes back', async () => {
    const { pid } = (await shop.status()).daemon;
    process.kill(pid, 'SIGKILL');
    const daemon = async (): Promise<readonly string[]> =>
      (await prometheus.targets()).filter(({ labels }) => labels['job'] === 'mesh-daemon').map(({ health }) => health);
    await eventually(async () => assert.deepEqual(await daemon(), ['down']), patience);
    const sidecars = (await prometheus.targets()).filter(({ labels }) => labels['job'] === 'mesh');
    assert.ok(sidecars.length === 8 && sidecars.every(({ health }) => health === 'up'));
    await up();
    await eventually(async () => assert.deepEqual(await daemon(), ['up']), patience);
  });
});

describe('a Prometheus on the host', () => {
  let onHost: Prometheus;
  let id: string;

  before(async () => {
    const port = await freePort();
    const job = (name: string, token: string): string => `
  - job_name: ${name}
    http_sd_configs:
      - url: http://127.0.0.1:${adminPort}/v1/prometheus/targets
        authorization: {type: Bearer, credentials_file: ${token}}
        refresh_interval: 1s`;
    const daemon = (name: string): string => `
  - job_name: ${name}
    authorization: {type: Bearer, credentials_file: /state/api-token}
    static_configs: [{targets: ['127.0.0.1:${adminPort}']}]`;
    const config = `global: {scrape_interval: 1s}
scrape_configs:${job('pods', '/state/api-token')}${job('stranger', '/state/daemon.json')}${daemon('whole')}${daemon('daemon')}
    metric_relabel_configs: [{source_labels: [workload], regex: .+, action: drop}]
`;
    await writeFile(join(shop.dir, 'host.yml'), config);
    const container = await shop.docker.createContainer({
      Image: prometheusImage,
      // The token is for the user alone.
      User: '0',
      Cmd: ['--config.file=/host.yml', '--storage.tsdb.path=/tmp/data', `--web.listen-address=127.0.0.1:${port}`],
      Labels: { 'localmesh.test': 'prometheus' },
      HostConfig: {
        NetworkMode: 'host',
        Binds: [`${join(shop.dir, 'host.yml')}:/host.yml:ro`, `${join(shop.dir, '.mesh/projects', project)}:/state:ro`],
      },
    });
    id = container.id;
    await container.start();
    onHost = new Prometheus(port);
  });

  after(async () => {
    if (id !== undefined) await shop.docker.getContainer(id).remove({ force: true, v: true });
  });

  test('finds every pod through the admin API with the token, and nobody without it', async () => {
    const { workloads } = await shop.status();
    await eventually(async () => {
      const targets = await onHost.targets();
      const pods = targets.filter(({ labels, health }) => labels['job'] === 'pods' && health === 'up');
      assert.deepEqual(
        pods.map(({ labels }) => labels['workload']).sort(),
        workloads.map(({ name }) => name),
      );
      assert.deepEqual(
        targets.filter(({ labels }) => labels['job'] === 'stranger'),
        [],
      );
    }, patience);
  });

  test('or reads the whole mesh as one target, or the daemon alone', async () => {
    await eventually(async () => {
      const read = await onHost.query('config_last_reload_ok');
      assert.deepEqual(read.map(({ labels, value }) => `${labels['job']} ${value}`).sort(), ['daemon 1', 'whole 1']);
      assert.equal((await onHost.query('count by (workload) (mesh_config_info{job="whole"})')).length, 8);
      assert.deepEqual(await onHost.query('mesh_config_info{job="daemon"}'), []);
    }, patience);
  });
});
