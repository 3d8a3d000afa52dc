import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { describe, test } from 'node:test';
import { accessJson, accessText } from '../../src/telemetry/access-log.ts';
import { GrpcCallMessages } from '../../src/telemetry/grpc-messages.ts';
import { Histogram } from '../../src/telemetry/histogram.ts';
import { LineWriter } from '../../src/telemetry/line-writer.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { type Edge, MeshMetrics } from '../../src/telemetry/mesh-metrics.ts';
import { eventually } from '../support/eventually.ts';
import { manualClock } from '../support/manual-clock.ts';
import { accessEntry as entry } from './access-entry.ts';

const edge: Edge = {
  reporter: 'source',
  sourceWorkload: 'storefront',
  sourceNamespace: 'default',
  sourceApp: 'storefront',
  sourceVersion: 'unknown',
  sourceCluster: 'shop',
  destinationCluster: 'shop',
  sourcePrincipal: 'spiffe://a/storefront',
  destinationNamespace: 'default',
  destinationWorkload: 'reviews-v1',
  destinationService: 'reviews',
  destinationVersion: 'v1',
  destinationPrincipal: 'spiffe://a/reviews',
  security: 'unknown',
};

const answered = { status: 200, flag: '-', grpcStatus: null, bytesReceived: 0, bytesSent: 0, messages: null } as const;

describe('metrics', () => {
  test('count per outcome and are exposed with Istio’s names', () => {
    const metrics = new MeshMetrics();
    const requests = metrics.requests(edge);
    requests.count(answered, 0.4);
    requests.count({ ...answered, bytesReceived: 700, bytesSent: 3_000 }, 7);
    requests.count({ ...answered, status: 503, flag: 'UF' }, 1);
    const tcp = metrics.connections(edge);
    tcp.opened++;
    tcp.close(10, 20);
    assert.equal(metrics.requests({ ...edge }), requests);
    const text = metrics.text();
    assert.match(
      text,
      /^istio_requests_total\{reporter="source",source_workload="storefront".*response_code="200",response_flags="-"\} 2$/m,
    );
    assert.match(text, /^istio_requests_total\{.*response_code="503",response_flags="UF"\} 1$/m);
    assert.match(text, /^istio_request_duration_milliseconds_bucket\{.*response_code="200".*le="0.5"\} 1$/m);
    assert.match(text, /^istio_request_duration_milliseconds_bucket\{.*response_code="200".*le="10"\} 2$/m);
    assert.match(text, /^istio_request_duration_milliseconds_bucket\{.*response_code="200".*le="\+Inf"\} 2$/m);
    assert.match(text, /^istio_request_bytes_bucket\{.*response_code="200".*le="500"\} 1$/m);
    assert.match(text, /^istio_request_bytes_sum\{.*response_code="200".*\} 700$/m);
    assert.match(text, /^istio_response_bytes_bucket\{.*response_code="200".*le="5000"\} 2$/m);
    assert.match(text, /source_canonical_service="storefront".*destination_canonical_revision="v1"/);
    assert.match(text, /^istio_tcp_received_bytes_total\{.*request_protocol="tcp"\} 10$/m);
    assert.match(text, /^istio_tcp_sent_bytes_total\{.*\} 20$/m);
  });

  test('the number of edges is bounded: what is more is counted together, as nobody’s', () => {
    const metrics = new MeshMetrics();
    for (let i = 0; i < 10_000; i++) {
      const one = { ...edge, sourcePrincipal: `spiffe://a/${i}` };
      metrics.requests(one).count(answered, 1);
      metrics.connections(one).opened++;
    }
    metrics.requests({ ...edge, sourcePrincipal: 'spiffe://a/7' }).count(answered, 1);
    const lines = metrics.text().match(/^istio_requests_total.*/gm) ?? [];
    assert.equal(lines.length, 4097);
    assert.match(lines.at(-1) ?? '', /source_principal="overflow".*destination_service="overflow".* 5904$/);
    assert.match(lines.join('\n'), /source_principal="spiffe:\/\/a\/7".* 2$/m, 'a known one stays itself');
    assert.equal(metrics.text().match(/^istio_tcp_connections_opened_total/gm)?.length, 4097);
  });

  test('the number of outcomes of an edge is bounded', () => {
    const metrics = new MeshMetrics();
    const requests = metrics.requests(edge);
    for (let status = 100; status < 1_000; status++) requests.count({ ...answered, status }, 1);
    const lines = metrics.text().match(/^istio_requests_total.*/gm) ?? [];
    assert.equal(lines.length, 101);
    assert.match(lines.at(-1) ?? '', /response_code="other",response_flags="other"\} 800$/);
  });

  test('gRPC messages are counted both ways, of gRPC calls only', () => {
    const metrics = new MeshMetrics();
    metrics.requests(edge).count(answered, 1);
    assert.doesNotMatch(metrics.text(), /^istio_request_messages_total\{/m);
    const messages = new GrpcCallMessages();
    messages.received.count = 3;
    messages.sent.count = 1;
    metrics.requests(edge).count({ ...answered, grpcStatus: '0', messages }, 1);
    assert.match(metrics.text(), /^istio_request_messages_total\{.*request_protocol="grpc".*grpc_response_status="0".*\} 3$/m);
    assert.match(metrics.text(), /^istio_response_messages_total\{.*request_protocol="grpc".*\} 1$/m);
  });

  test('open connections are what was opened and not closed', () => {
    const metrics = new MeshMetrics();
    const tcp = metrics.connections(edge);
    tcp.opened = 5;
    tcp.close(1, 1);
    const text = metrics.openText({ inbound: 2, outbound: 1, gateway: 0 }, 'outbound');
    assert.match(text, /^mesh_connections_open\{listener="outbound",protocol="tcp"\} 4$/m);
    assert.match(text, /^mesh_connections_open\{listener="inbound",protocol="http"\} 2$/m);
  });

  test('a bucket holds its bound', () => {
    const histogram = new Histogram();
    for (const ms of [0, 0.5, 0.6, 1, 3_600_000, 3_600_001]) histogram.record(ms);
    assert.deepEqual([histogram.buckets[0], histogram.buckets[1], histogram.buckets.at(-2)], [2, 2, 1]);
    assert.equal(
      histogram.buckets.reduce((a, b) => a + b),
      6,
    );
  });
});

describe('access log', () => {
  test('text is Istio’s format', () => {
    assert.equal(
      accessText(entry),
      '[1970-01-01T00:00:00.000Z] "GET /a?b HTTP/1.1" 200 - via_upstream - "-" 1 2 3 2 "-" "curl/8" "id" "reviews:9080" "10.0.0.7:9080" ' +
        'outbound|9080|v1|reviews - 240.240.0.1:9080 10.0.0.3:5000 - default',
    );
  });
  test('a line begins with when its request began, whatever line was before', () => {
    for (const ms of [0, 7.9, 45.5, 999.999, 1000, 1_700_000_000_123.456, 1_700_000_000_009.5, 1_699_999_999_999, 8.64e15, -1.5])
      for (const line of [accessText({ ...entry, startMs: ms }), accessJson({ ...entry, startMs: ms })])
        assert.ok(line.includes(new Date(Math.floor(ms)).toISOString()), line);
  });
  test('text keeps nothing that steers a terminal or ends a quote', () => {
    assert.match(accessText({ ...entry, userAgent: 'a"b\\\u001b[2J', authority: 'ü' }), /"a\\u0022b\\u005c\\u001b\[2J" "id" "ü"/);
  });
  test('JSON has Istio’s keys', () => {
    const parsed = JSON.parse(accessJson(entry)) as Record<string, unknown>;
    assert.equal(Object.keys(parsed).length, 27);
    assert.equal(parsed['response_code'], 200);
    assert.equal(parsed['x_forwarded_for'], null);
  });
  test('JSON is the same whether or not something in it has to be escaped', () => {
    const plain = JSON.parse(accessJson(entry)) as Record<string, unknown>;
    for (const key of ['path', 'method', 'userAgent', 'requestId', 'authority', 'forwardedFor', 'routeName', 'details'] as const)
      for (const odd of ['"', '\\', '\u0000', '\u001b[2J', '\u007f', '\u009b', '\n', '\u202e', '\u2028', '\ud800']) {
        const line = accessJson({ ...entry, [key]: `a${odd}b` });
        assert.doesNotMatch(line, /[\u0000-\u001f\u007f-\u009f\u2028\u202e]/);
        const parsed = JSON.parse(line) as Record<string, unknown>;
        assert.deepEqual(Object.keys(parsed), Object.keys(plain));
        const changed = Object.keys(parsed).filter(name => parsed[name] !== plain[name]);
        assert.equal(changed.length, 1);
        assert.equal(parsed[changed[0] ?? ''], `a${odd}b`);
      }
  });
});

test('lines are written together: when they have waited long enough, when they are many, and when the process ends', () => {
  const out = new PassThrough();
  const clock = manualClock();
  const writer = new LineWriter(out, clock);
  const read = (): string | null => (out.read() as Buffer | null)?.toString() ?? null;
  writer.write('a');
  clock.advance(19);
  writer.write('b');
  assert.equal(read(), null);
  clock.advance(1);
  assert.equal(read(), 'a\nb\n');
  const long = 'x'.repeat(20_000);
  writer.write(long);
  writer.write(long);
  assert.equal(read(), `${long}\n${long}\n`);
  writer.write('c');
  writer.flush();
  assert.equal(read(), 'c\n');
  clock.advance(1_000);
  assert.equal(read(), null);
});

test('a slow reader of the log loses lines and holds nobody up', async () => {
  const out = new PassThrough({ highWaterMark: 1 });
  const writer = new LineWriter(out, manualClock());
  const line = 'x'.repeat(1024 * 1024);
  for (let i = 0; i < 10; i++) writer.write(line);
  assert.ok(writer.dropped > 0);
  let bytes = 0;
  out.on('data', (part: Buffer) => {
    bytes += part.length;
  });
  await eventually(() => assert.ok(bytes >= 4 * line.length));
});

test('log lines are JSON without control characters, and errors lose their stack', () => {
  const lines: string[] = [];
  const log = createLog('proxy', line => lines.push(line), { level: 'debug' });
  log.debug('a\u001b[31m\u009b', { error: Object.assign(new Error('gone'), { code: 'EPIPE' }), n: 1n });
  assert.doesNotMatch(lines[0] ?? '', /[\u0000-\u001f\u007f-\u009f]/);
  assert.deepEqual(JSON.parse(lines[0] ?? ''), {
    level: 'debug',
    component: 'proxy',
    message: 'a\u001b[31m\u009b',
    error: 'EPIPE: gone',
    n: '1',
  });
  createLog('proxy', line => lines.push(line)).debug('not shown');
  assert.equal(lines.length, 1);
});
