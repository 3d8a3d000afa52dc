/** Requests through the data planes of a caller and of the called one, as spans tell it. */
import assert from 'node:assert/strict';
import type { IncomingHttpHeaders } from 'node:http';
import { describe, test } from 'node:test';
import { healthCheckAgent } from '../../../src/proxy/cluster/health-checker.ts';
import { nothingObserved, type Observed, type SpanFacts } from '../../../src/snapshot/observation.ts';
import type { RetryPolicy } from '../../../src/snapshot/route-rule.ts';
import type { Tracing } from '../../../src/snapshot/snapshot.ts';
import { eventually } from '../../support/eventually.ts';
import { exchangeRaw, get, startHttp, startRaw, statusOf } from '../backend.ts';
import { clusterTo, type Harness, inboundSnapshot, outboundSnapshot, ruleTo, startPlane } from '../data-plane-harness.ts';

const everything: Tracing = { sample: 1, propagation: ['w3c', 'b3'] };
const trace = '4bf92f3577b34da6a3ce929d0e0e4736';
const span = '00f067aa0ba902b7';
const retry: RetryPolicy = {
  attempts: 2,
  on: ['5xx'],
  statusCodes: [],
  perTryTimeoutMs: null,
  methods: ['GET'],
  backoffBaseMs: 1,
};

/** What a plane tells from now on. */
function spansOf(plane: Harness, tell: (message: Observed) => boolean = () => true): SpanFacts[] {
  const spans: SpanFacts[] = [];
  plane.plane.observe({ ...nothingObserved, spans: true }, message => {
    if (!tell(message)) return false;
    if (message.kind === 'spans') spans.push(...message.spans);
    return true;
  });
  return spans;
}

async function some(spans: readonly SpanFacts[], count: number): Promise<readonly SpanFacts[]> {
  return eventually(() => {
    assert.ok(spans.length >= count, `${spans.length} spans`);
    return spans;
  });
}

/** Caller's side, called side, and an app that keeps the headers it got. */
async function chain(tracing: Tracing | null = everything) {
  const seen: IncomingHttpHeaders[] = [];
  const app = await startHttp((request, response) => {
    seen.push(request.headers);
    response.end('hello');
  });
  const more = tracing === null ? {} : { tracing };
  const called = await startPlane('inbound', { ...inboundSnapshot(app.port), ...more }, { localPort: app.port });
  const caller = await startPlane('outbound', outboundSnapshot([clusterTo('reviews', [called.port])], [ruleTo('reviews')], more));
  return {
    app,
    called,
    caller,
    seen,
    async [Symbol.asyncDispose]() {
      await caller[Symbol.asyncDispose]();
      await called[Symbol.asyncDispose]();
      await app[Symbol.asyncDispose]();
    },
  };
}

test('one trace from the caller to the app: a client span, a server span below it, and the app is told the latter', async () => {
  await using mesh = await chain();
  const sent = spansOf(mesh.caller);
  const taken = spansOf(mesh.called);
  assert.equal(statusOf(await exchangeRaw(mesh.caller.port, get('/reviews/17?token=abc'))), 200);
  const [client] = await some(sent, 1);
  const [server] = await some(taken, 1);
  assert.ok(client !== undefined && server !== undefined);
  assert.equal(client.traceId, server.traceId);
  assert.equal(client.parentId, null);
  assert.equal(server.parentId, client.spanId);
  assert.equal(client.side, 'client');
  assert.equal(server.side, 'server');
  const [headers] = mesh.seen;
  assert.equal(headers?.['traceparent'], `00-${server.traceId}-${server.spanId}-01`);
  assert.equal(headers?.['b3'], `${server.traceId}-${server.spanId}-1`);
  assert.equal(client.requestId, headers?.['x-request-id']);
  assert.equal(client.target, '/reviews/17?token=***');
  assert.equal(client.path, '/reviews/{*}');
  assert.deepEqual([client.status, client.to, client.peer, client.attempts], [200, 'reviews', 'reviews-1', 1]);
  assert.deepEqual(client.lost, { open: 0, traceId: null, spanId: null });
  assert.equal(server.lost, null);
});

test('the trace of whoever calls goes on, with its state', async () => {
  await using mesh = await chain();
  const sent = spansOf(mesh.caller);
  const state = ['tracestate: vendor=1', 'x-other: kept'];
  await exchangeRaw(mesh.caller.port, get('/', `traceparent: 00-${trace}-${span}-01`, ...state));
  const [client] = await some(sent, 1);
  assert.equal(client?.traceId, trace);
  assert.equal(client?.parentId, span);
  assert.equal(client?.lost, null);
  const [headers] = mesh.seen;
  assert.match(String(headers?.['traceparent']), new RegExp(`^00-${trace}-(?!${span})[0-9a-f]{16}-01$`));
  assert.equal(headers?.['tracestate'], 'vendor=1');
  assert.equal(headers?.['x-other'], 'kept');
});

test('a broken context begins a new trace, without the state of the old one', async () => {
  await using mesh = await chain();
  spansOf(mesh.caller);
  await exchangeRaw(mesh.caller.port, get('/', 'traceparent: 00-abc', 'tracestate: vendor=1'));
  const [headers] = mesh.seen;
  assert.match(String(headers?.['traceparent']), /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
  assert.equal(headers?.['tracestate'], undefined);
});

describe('sampling', () => {
  const none: Tracing = { sample: 0, propagation: ['w3c'] };

  test('a share of 0 is told to all behind, who then keep to it', async () => {
    await using mesh = await chain(none);
    const sent = spansOf(mesh.caller);
    mesh.called.plane.apply({ ...inboundSnapshot(mesh.app.port), version: 'all', tracing: everything });
    const taken = spansOf(mesh.called);
    await exchangeRaw(mesh.caller.port, get('/'));
    assert.match(String(mesh.seen[0]?.['traceparent']), /-00$/);
    await exchangeRaw(mesh.caller.port, get('/', `traceparent: 00-${trace}-${span}-01`));
    // Of the second request only: the first was before it.
    assert.equal((await some(taken, 1))[0]?.traceId, trace);
    assert.equal((await some(sent, 1))[0]?.traceId, trace);
  });

  test('x-envoy-force-trace asks for one', async () => {
    await using mesh = await chain(none);
    const sent = spansOf(mesh.caller);
    await exchangeRaw(mesh.caller.port, get('/', 'x-envoy-force-trace: true'));
    assert.equal((await some(sent, 1)).length, 1);
    assert.match(String(mesh.seen[0]?.['traceparent']), /-01$/);
  });

  test('a decision without ids is kept', async () => {
    await using mesh = await chain(none);
    const sent = spansOf(mesh.caller);
    await exchangeRaw(mesh.caller.port, get('/', 'b3: 1'));
    assert.equal((await some(sent, 1)).length, 1);
    assert.equal(mesh.seen[0]?.['b3'], undefined);
  });

  test('without tracing nothing is touched', async () => {
    await using mesh = await chain(null);
    await exchangeRaw(mesh.caller.port, get('/', 'traceparent: whatever', 'b3: too'));
    await exchangeRaw(mesh.caller.port, get('/'));
    assert.equal(mesh.seen[0]?.['traceparent'], 'whatever');
    assert.equal(mesh.seen[0]?.['b3'], 'too');
    assert.equal(mesh.seen[1]?.['traceparent'], undefined);
  });
});

test('while nobody asks, contexts of others pass untouched, and a request without one gets one', async () => {
  await using mesh = await chain();
  await exchangeRaw(mesh.caller.port, get('/', `traceparent: 00-${trace}-${span}-01`));
  await exchangeRaw(mesh.caller.port, get('/'));
  assert.equal(mesh.seen[0]?.['traceparent'], `00-${trace}-${span}-01`);
  assert.match(String(mesh.seen[1]?.['traceparent']), /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
});

test('every form is written that is asked for', async () => {
  await using mesh = await chain({ sample: 1, propagation: ['b3-multi'] });
  await exchangeRaw(mesh.caller.port, get('/'));
  const [headers] = mesh.seen;
  assert.match(String(headers?.['x-b3-traceid']), /^[0-9a-f]{32}$/);
  assert.match(String(headers?.['x-b3-spanid']), /^[0-9a-f]{16}$/);
  assert.equal(headers?.['x-b3-sampled'], '1');
  assert.equal(headers?.['traceparent'], undefined);
});

test('refusals and answers of rules have a span with the flag', async () => {
  const rules = [ruleTo('gone')];
  await using plane = await startPlane('outbound', outboundSnapshot([clusterTo('gone', [])], rules, { tracing: everything }));
  const spans = spansOf(plane);
  assert.equal(statusOf(await exchangeRaw(plane.port, get('/'))), 503);
  const [failed] = await some(spans, 1);
  assert.deepEqual([failed?.status, failed?.flag, failed?.details, failed?.attempts], [503, 'UH', 'no_healthy_upstream', 0]);
});

test('every try that another one follows is told with its endpoint and outcome', async () => {
  await using bad = await startHttp((_request, response) => response.writeHead(503).end());
  await using cut = await startRaw(socket => void socket.once('data', () => socket.destroy()));
  await using good = await startHttp((_request, response) => response.end('hello'));
  const cluster = clusterTo('ratings', [bad.port, cut.port, good.port]);
  await using plane = await startPlane(
    'outbound',
    outboundSnapshot([cluster], [ruleTo('ratings', { retry })], { tracing: everything }),
  );
  const spans = spansOf(plane);
  // The balancer begins anywhere: until one request has met both.
  for (let i = 0; i < 3; i++) assert.equal(statusOf(await exchangeRaw(plane.port, get('/'))), 200);
  const all = await some(spans, 3);
  const retries = all.flatMap(each => each.retries);
  assert.ok(
    retries.some(each => each.workload === 'ratings-1' && each.outcome === '503'),
    JSON.stringify(retries),
  );
  assert.ok(
    retries.some(each => each.workload === 'ratings-2' && each.outcome.startsWith('upstream-')),
    JSON.stringify(retries),
  );
  for (const { attempts, peer, retries: before } of all) {
    assert.equal(attempts, before.length + 1);
    assert.equal(peer, 'ratings-3');
  }
});

describe('an app that calls on without the context', () => {
  /** One data plane for both directions, as in a pod: the app behind it calls on by itself before it answers. */
  async function pod(propagates: boolean) {
    await using stack = new AsyncDisposableStack();
    const ratings = stack.use(await startHttp((_request, response) => response.end('5')));
    let out: Harness | null = null;
    const app = stack.use(
      await startHttp((request, response) => {
        const context = propagates ? [`traceparent: ${request.headers['traceparent'] ?? ''}`] : [];
        void exchangeRaw(out?.port ?? 0, get('/ratings/1', ...context)).then(() => response.end('ok'));
      }),
    );
    const snapshot = {
      ...outboundSnapshot([clusterTo('ratings', [ratings.port])], [ruleTo('ratings')], { tracing: everything }),
      inbound: inboundSnapshot(app.port).inbound,
    };
    const inbound = stack.use(await startPlane('inbound', snapshot, { localPort: app.port }));
    out = stack.use(await startPlane('outbound', snapshot, { plane: inbound.plane }));
    const spans = spansOf(inbound);
    const owned = stack.move();
    return { inbound, out, spans, [Symbol.asyncDispose]: () => owned.disposeAsync() };
  }

  test('is told apart from one that passes it on', async () => {
    await using mesh = await pod(true);
    await exchangeRaw(mesh.inbound.port, get('/reviews/1'));
    const all = await some(mesh.spans, 2);
    const server = all.find(each => each.side === 'server');
    const client = all.find(each => each.side === 'client');
    assert.equal(client?.traceId, server?.traceId);
    assert.equal(client?.parentId, server?.spanId);
    assert.equal(client?.lost, null);
  });

  test('is told with the request that it served', async () => {
    await using mesh = await pod(false);
    await exchangeRaw(mesh.inbound.port, get('/reviews/1'));
    const all = await some(mesh.spans, 2);
    const server = all.find(each => each.side === 'server');
    const client = all.find(each => each.side === 'client');
    assert.notEqual(client?.traceId, server?.traceId);
    assert.deepEqual(client?.lost, { open: 1, traceId: server?.traceId, spanId: server?.spanId });
    // Once nothing is served, a call is the app's own.
    await exchangeRaw(mesh.out.port, get('/ratings/2'));
    const own = (await some(mesh.spans, 3)).find(each => each.target === '/ratings/2');
    assert.deepEqual(own?.lost, { open: 0, traceId: null, spanId: null });
  });
});

test('a channel that is slow costs spans, which are counted, and nothing else', async () => {
  await using mesh = await chain();
  const dropped: number[] = [];
  let open = false;
  const spans = spansOf(mesh.caller, message => {
    if (open && message.kind === 'spans') dropped.push(message.dropped);
    return open;
  });
  for (let i = 0; i < 3; i++) await exchangeRaw(mesh.caller.port, get('/'));
  await eventually(async () => {
    open = true;
    await exchangeRaw(mesh.caller.port, get('/'));
    await some(spans, 1);
    assert.ok(dropped.reduce((sum, each) => sum + each, 0) + spans.length >= 4);
  });
});

test('health checks of callers are no requests', async () => {
  await using mesh = await chain();
  const taken = spansOf(mesh.called);
  const checked = await exchangeRaw(mesh.called.port, get('/', `User-Agent: ${healthCheckAgent}`));
  assert.equal(statusOf(checked), 200);
  await exchangeRaw(mesh.called.port, get('/after'));
  assert.deepEqual(
    (await some(taken, 1)).map(each => each.target),
    ['/after'],
  );
});
