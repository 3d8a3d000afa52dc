/** Ten thousand of everything that callers choose: counted before and after, in the sidecar and in the daemon. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { test } from 'node:test';
import type { MeshEventBody } from '../../src/api/types.ts';
import { Denials } from '../../src/daemon/observe/denials.ts';
import { PropagationWatch } from '../../src/daemon/observe/propagation-watch.ts';
import { SignalRecorder } from '../../src/daemon/observe/signal-recorder.ts';
import { graphDocument, statsDocument, sumEdges } from '../../src/daemon/observe/stats.ts';
import { TraceStore } from '../../src/daemon/observe/trace-store.ts';
import { destinationEdge } from '../../src/proxy/edges.ts';
import { Signals } from '../../src/proxy/observe/signals.ts';
import { maxEdgesPerMessage } from '../../src/snapshot/edge-signal.ts';
import { MeshMetrics } from '../../src/telemetry/mesh-metrics.ts';
import { spanOf } from '../daemon/observe/span-of.ts';
import { emptySnapshot, inboundSnapshot, startPlane } from '../proxy/data-plane-harness.ts';

const many = 10_000;
const seriesIn = (text: string): number => text.split('\n').filter(line => line !== '' && !line.startsWith('#')).length;

test('paths, hosts, methods, agents, request ids and traces of requests make no series', async t => {
  // Takes methods that Node's own server does not.
  const app = createServer(socket =>
    socket.on('data', (chunk: Buffer) => {
      for (const _ of chunk.toString().matchAll(/\r\n\r\n/g)) socket.write('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');
    }),
  );
  app.listen(0, '127.0.0.1');
  await once(app, 'listening');
  t.after(() => app.close());
  const { port: appPort } = app.address() as AddressInfo;
  await using harness = await startPlane('inbound', inboundSnapshot(appPort), { localPort: appPort });
  harness.plane.calls();
  let answered = 0;
  const send = async (from: number, to: number): Promise<void> => {
    const requests = Array.from({ length: to - from }, (_, i) => {
      const n = from + i;
      const hex = n.toString(16).padStart(16, '0');
      const head = [
        `${n % 2 === 0 ? 'GET' : `M${[...String(n)].map(digit => String.fromCharCode(65 + Number(digit))).join('')}`} /word${n}/${hex}?q=${n} HTTP/1.1`,
        `host: h${n}.example:${1_000 + n}`,
      ];
      head.push(`user-agent: agent/${n}`, `x-request-id: ${hex}`, `traceparent: 00-${hex}${hex}-${hex}-01`, `x-${n}: 1`);
      return `${head.join('\r\n')}\r\n${i % 100 === 99 || n === to - 1 ? 'connection: close\r\n' : ''}\r\n`;
    });
    // A hundred on a connection, one behind the other.
    for (let at = 0; at < requests.length; at += 100) {
      const socket = connect(harness.port, '127.0.0.1');
      const answers: Buffer[] = [];
      socket.on('data', (chunk: Buffer) => answers.push(chunk));
      socket.write(requests.slice(at, at + 100).join(''));
      await once(socket, 'close');
      answered +=
        Buffer.concat(answers)
          .toString()
          .match(/^HTTP\/1\.1 \d{3} /gm)?.length ?? 0;
    }
  };
  await send(0, 4);
  const before = seriesIn(harness.plane.metrics());
  await send(4, many);
  assert.equal(answered, many);
  assert.equal(seriesIn(harness.plane.metrics()), before, `${before} series before`);
  const { calls, more } = harness.plane.calls();
  assert.ok(calls.length <= 5_000 && more, `${calls.length} kinds of calls`);
  assert.deepEqual(harness.bugs, []);
});

test('identities of strangers: 4,096 edges and one more, of 67 series each', () => {
  const metrics = new MeshMetrics();
  const count = (n: number): void => {
    const peer = { spiffeId: `spiffe://test.local/ns/default/sa/stranger-${n}`, certificateHash: '' };
    metrics
      .requests(destinationEdge(emptySnapshot, new Map(), { peer, remoteAddress: '10.0.0.9' }))
      .count({ status: 200, flag: '-', grpcStatus: null, bytesReceived: 0, bytesSent: 0, messages: null }, 1);
  };
  const signals = new Signals(metrics, () => new Map());
  count(0);
  const one = seriesIn(metrics.text());
  for (let n = 1; n < many; n++) count(n);
  // A counter, and three histograms of 20 buckets, a sum and a count.
  assert.equal(one, 1 + 3 * 22);
  assert.equal(seriesIn(metrics.text()), 4_097 * one);
  let told = 0;
  signals.take(edges => {
    told = edges.length;
    return true;
  });
  assert.equal(told, maxEdgesPerMessage);
});

test('statuses, gRPC statuses and flags of one edge: a hundred and the others', () => {
  const metrics = new MeshMetrics();
  const edge = metrics.requests(destinationEdge(emptySnapshot, new Map(), { peer: null, remoteAddress: '' }));
  for (let n = 0; n < many; n++)
    edge.count({ status: 200, flag: '-', grpcStatus: String(n), bytesReceived: 0, bytesSent: 0, messages: null }, 1);
  assert.equal([...edge.series()].length, 101);
  assert.equal(
    [...edge.series()].reduce((sum, { requests }) => sum + requests, 0),
    many,
  );
});

test('what the daemon keeps of strangers: rows, answers, denials, traces, pairs', async () => {
  const recorder = new SignalRecorder();
  const web = { name: 'web-1', service: 'web', version: '', kind: 'sidecar' } as const;
  const nobody = { service: '', version: '', workload: '', principal: '' };
  const moment = (second: number) => {
    const signals = Array.from({ length: many }, (_, n) => ({
      reporter: 'destination' as const,
      source: { ...nobody, principal: `spiffe://elsewhere.test/stranger-${second}-${n}` },
      destination: { ...nobody, service: 'web' },
      protocol: 'http' as const,
      secured: true,
      requests: 1,
      failures: 0,
      clientErrors: 1,
      denied: 1,
      durations: [],
      bytesIn: 0,
      bytesOut: 0,
      open: 0,
      rules: [],
    }));
    recorder.take(web, signals);
    return recorder.end(second * 1_000, 1_000, () => true);
  };
  const moments = [1, 2, 3].map(moment);
  for (const { rows } of moments) assert.equal(rows.size, 4_097);
  const query = { fromMs: 0, toMs: 3_000, stepMs: null, services: [] };
  const sums = await sumEdges(moments, query, () => Promise.resolve());
  assert.equal(sums.length, 4_097);
  assert.equal(
    sums.reduce((sum, { total }) => sum + total.requests, 0),
    3 * many,
    'none is lost',
  );
  const names = { services: [], gateways: [], external: [] };
  assert.equal(statsDocument(sums, query, names).edges.length, 4_097);
  assert.ok(graphDocument(sums, query, names).nodes.length <= 4_099);
  const events: MeshEventBody[] = [];
  const denials = new Denials(event => events.push(event));
  for (const each of moments) denials.look(each);
  assert.equal(events.length, 1_000);
  const traces = new TraceStore();
  const pairs = new PropagationWatch();
  for (let n = 0; n < many; n++) {
    const span = spanOf(`${n.toString(16).padStart(8, '0')}/1`, `service-${n}`, {
      to: `to-${n}`,
      target: `/${n}`,
      authority: `h${n}`,
      lost: { open: 1, traceId: null, spanId: null },
    });
    traces.add(span);
    pairs.add(span);
  }
  assert.equal(traces.size, 2_000);
  assert.equal(pairs.list(0).length, 2_000);
});
