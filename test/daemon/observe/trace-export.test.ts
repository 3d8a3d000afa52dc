/** The export against a real receiver: an HTTP server that reads what OpenTelemetry's exporter sends. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { describe, type TestContext, test } from 'node:test';
import { systemClock } from '../../../src/async/clock.ts';
import { openExport } from '../../../src/daemon/observe/open-export.ts';
import type { TracedSpan } from '../../../src/daemon/observe/span-document.ts';
import { TraceExport } from '../../../src/daemon/observe/trace-export.ts';
import { eventually } from '../../support/eventually.ts';
import { manualClock } from '../../support/manual-clock.ts';
import { spanIdOf, spanOf, traceIdOf } from './span-of.ts';

interface Received {
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

/** A collector. */
async function collector(port = 0) {
  const received: Received[] = [];
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', part => parts.push(part));
    request.on('end', () => {
      received.push({ path: request.url ?? '', headers: request.headers, body: Buffer.concat(parts) });
      response.writeHead(200, { 'content-type': request.headers['content-type'] ?? '' }).end();
    });
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    received,
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise(resolve => server.close(resolve));
    },
  };
}

/** The exporter reads the process's own variables. */
function withEnv(env: Readonly<Record<string, string>>): Disposable {
  const before = Object.keys(env).map(name => [name, process.env[name]] as const);
  Object.assign(process.env, env);
  return {
    [Symbol.dispose]() {
      for (const [name, value] of before) {
        if (value === undefined) delete process.env[name];
        else process.env[name] = value;
      }
    },
  };
}

interface OtlpAttribute {
  readonly key: string;
  readonly value: Readonly<Record<string, unknown>>;
}
interface OtlpBody {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly OtlpAttribute[] };
    readonly scopeSpans: readonly {
      readonly spans: readonly {
        readonly traceId: string;
        readonly spanId: string;
        readonly parentSpanId?: string;
        readonly name: string;
        readonly kind: number;
        readonly startTimeUnixNano: string;
        readonly endTimeUnixNano: string;
        readonly attributes: readonly OtlpAttribute[];
        readonly events: readonly { readonly name: string; readonly attributes: readonly OtlpAttribute[] }[];
        readonly status: { readonly code?: number };
      }[];
    }[];
  }[];
}

test('as JSON: one resource per service, both spans of a hop, headers of the variables', async () => {
  await using away = await collector();
  const env = {
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${away.port}`,
    OTEL_EXPORTER_OTLP_HEADERS: 'x-api-key=abc',
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
  };
  using _env = withEnv(env);
  const warnings: string[] = [];
  const traces = openExport({ env, clock: systemClock, warn: message => warnings.push(message) });
  assert.ok(traces !== null);
  const retried = { atMs: 1_700_000_000_020, workload: 'reviews-v1-1', address: '10.0.0.7:9080', outcome: '503' };
  traces.add(
    spanOf('aa/1', 'web', { startMs: 1_700_000_000_000.25, durationMs: 30.5, status: 503, retries: [retried], attempts: 2 }),
  );
  traces.add(spanOf('aa/2/1', 'reviews', { side: 'server', startMs: 1_700_000_000_001 }));
  await traces.close();
  const [got] = away.received;
  assert.equal(got?.path, '/v1/traces');
  assert.equal(got?.headers['x-api-key'], 'abc');
  const { resourceSpans } = JSON.parse(got?.body.toString() ?? '') as OtlpBody;
  const services = resourceSpans.map(
    ({ resource }) => resource.attributes.find(({ key }) => key === 'service.name')?.value['stringValue'],
  );
  assert.deepEqual(services.sort(), ['reviews', 'web']);
  const spans = resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(scope => scope.spans));
  const client = spans.find(each => each.spanId === spanIdOf('1'));
  const server = spans.find(each => each.spanId === spanIdOf('2'));
  assert.deepEqual(
    [client?.traceId, client?.kind, client?.status.code, client?.name],
    [traceIdOf('aa'), 3, 2, 'GET /reviews/{*}'],
  );
  assert.deepEqual([server?.parentSpanId, server?.kind], [spanIdOf('1'), 2]);
  assert.equal(client?.startTimeUnixNano, '1700000000000250000');
  assert.equal(client?.endTimeUnixNano, '1700000000030750000');
  assert.ok(client?.attributes.some(({ key, value }) => key === 'http.response.status_code' && value['intValue'] === 503));
  assert.equal(client?.events[0]?.name, 'retry');
  assert.deepEqual(warnings, []);
});

test('as protobuf, where nothing else is said', async () => {
  await using away = await collector();
  const env = { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `http://127.0.0.1:${away.port}/custom` };
  using _env = withEnv(env);
  const traces = openExport({ env, clock: systemClock, warn: () => {} });
  traces?.add(spanOf('aa/1', 'web'));
  await traces?.close();
  const [got] = away.received;
  assert.equal(got?.path, '/custom');
  assert.equal(got?.headers['content-type'], 'application/x-protobuf');
  // The ids are bytes in it, the name is text.
  assert.ok(got?.body.includes(Buffer.from(traceIdOf('aa'), 'hex')) && got.body.includes('GET /reviews/{*}'));
});

test('what is not asked for is not there; what cannot be is told', () => {
  const warnings: string[] = [];
  const options = { clock: systemClock, warn: (message: string) => void warnings.push(message) };
  assert.equal(openExport({ ...options, env: {} }), null);
  assert.equal(openExport({ ...options, env: { OTEL_TRACES_EXPORTER: 'otlp', OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' } }), null);
  assert.deepEqual(warnings, ['traces are not exported: OTLP over "grpc" is not spoken']);
});

describe('a collector that is away', () => {
  /** An export whose collector fails while `away`. */
  function stage() {
    const clock = manualClock();
    const sent: TracedSpan[] = [];
    const warnings: string[] = [];
    const state = { away: true, tries: 0 };
    const traces = new TraceExport({
      clock,
      shown: 'collector:4318',
      warn: message => void warnings.push(message),
      open: async () => ({
        async send(spans) {
          state.tries++;
          if (state.away) throw new Error('connect ECONNREFUSED');
          sent.push(...spans);
        },
        async close() {},
      }),
    });
    /** Lets time go on until a fact holds. */
    const until = (fact: () => boolean): Promise<void> =>
      eventually(() => {
        clock.advance(1_000);
        assert.ok(fact());
      });
    return { clock, sent, warnings, state, traces, until };
  }

  test('is told once; the spans wait and go when it is back', async () => {
    const { sent, warnings, state, traces, until } = stage();
    for (let i = 0; i < 3; i++) traces.add(spanOf(`a${i}/1`, 'web'));
    await until(() => state.tries >= 3);
    assert.deepEqual(warnings, ['traces do not reach collector:4318: connect ECONNREFUSED']);
    state.away = false;
    await until(() => sent.length === 3);
    assert.deepEqual(warnings[1], 'traces reach collector:4318 again, none was lost');
  });

  test('costs bounded memory: the newest are kept, the lost are counted', async () => {
    const { sent, warnings, state, traces, until } = stage();
    traces.add(spanOf('a/1', 'web'));
    await until(() => state.tries >= 1);
    for (let i = 0; i < 20_000; i++) traces.add(spanOf('b/1', 'web', { startMs: i }));
    state.away = false;
    await until(() => sent.length > 0 && sent.at(-1)?.facts.startMs === 19_999);
    assert.ok(sent.length <= 4_096 + 512 + 512, String(sent.length));
    assert.match(warnings[1] ?? '', /again, 1\d{4} spans were lost$/);
  });

  test('does not hold up the end', async () => {
    const { traces, state, until } = stage();
    traces.add(spanOf('a/1', 'web'));
    await until(() => state.tries >= 1);
    await traces.close();
    const { tries } = state;
    traces.add(spanOf('a/2', 'web'));
    assert.equal(state.tries, tries);
  });
});

describe('a real collector', () => {
  /** Answers as told, and says what it was sent; ended and begun again on the same port. */
  class Collector {
    readonly names: string[] = [];
    readonly batches: number[] = [];
    requests = 0;
    answer: (spans: number, response: ServerResponse) => void = (_, response) => void response.writeHead(200).end('{}');
    port = 0;
    #server: Server | null = null;

    async start(): Promise<this> {
      this.#server = createServer(async (request, response) => {
        this.requests++;
        const { resourceSpans } = (await json(request)) as OtlpBody;
        const spans = resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(scope => scope.spans));
        response.once('finish', () => {
          if (response.statusCode !== 200) return;
          this.batches.push(spans.length);
          this.names.push(...spans.map(({ name }) => name));
        });
        this.answer(spans.length, response);
      });
      this.#server.listen(this.port, '127.0.0.1');
      await once(this.#server, 'listening');
      this.port = (this.#server.address() as AddressInfo).port;
      return this;
    }

    async stop(): Promise<void> {
      this.#server?.closeAllConnections();
      await new Promise(resolve => this.#server?.close(resolve));
    }
  }

  async function stage(t: TestContext) {
    const away = await new Collector().start();
    const env = {
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${away.port}`,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_EXPORTER_OTLP_TIMEOUT: '1000',
    };
    const restore = withEnv(env);
    const warnings: string[] = [];
    // Batches and tries follow each other fifty times as fast.
    const clock = { ...systemClock, after: (ms: number, fn: () => void) => systemClock.after(ms / 50, fn) };
    const traces = openExport({ env, clock, warn: message => warnings.push(message) });
    assert.ok(traces !== null);
    t.after(async () => {
      await away.stop();
      await traces.close();
      restore[Symbol.dispose]();
    });
    const add = (from: number, to: number): void => {
      for (let i = from; i < to; i++) traces.add(spanOf('a/1', 'web', { path: `/${i}` }));
    };
    const arrive = (count: number): Promise<void> =>
      eventually(() => assert.equal(away.names.length, count), { timeoutMs: 20_000 });
    return { away, warnings, add, arrive };
  }

  test('that is killed and comes back gets what it missed, in order, and all of it is told once', async t => {
    const { away, warnings, add, arrive } = await stage(t);
    add(0, 3);
    await arrive(3);
    await away.stop();
    add(3, 6);
    await eventually(() => assert.equal(warnings.length, 1));
    await away.start();
    await arrive(6);
    assert.deepEqual(away.names, ['GET /0', 'GET /1', 'GET /2', 'GET /3', 'GET /4', 'GET /5']);
    await eventually(() => assert.equal(warnings.length, 2));
    assert.match(warnings[0] ?? '', /^traces do not reach 127\.0\.0\.1:\d+: .*ECONNREFUSED/);
    assert.match(warnings[1] ?? '', /again, none was lost$/);
  });

  test('that hangs is given up on and asked again', async t => {
    const { away, warnings, add, arrive } = await stage(t);
    const { answer } = away;
    away.answer = () => {};
    add(0, 2);
    await eventually(() => assert.equal(warnings.length, 1));
    away.answer = answer;
    await arrive(2);
    await eventually(() => assert.match(warnings[1] ?? '', /again, none was lost$/));
    assert.equal(warnings.length, 2);
  });

  for (const status of [429, 503]) {
    test(`that answers ${status} with Retry-After is asked again, and nothing is lost`, async t => {
      const { away, add, arrive, warnings } = await stage(t);
      const { answer } = away;
      away.answer = (_, response) => void response.writeHead(status, { 'retry-after': '60' }).end();
      add(0, 2);
      await eventually(() => assert.ok(away.requests >= 3));
      away.answer = answer;
      await arrive(2);
      await eventually(() => assert.equal(warnings.length, 2));
    });
  }

  test('that refuses spans for good does not hold up those behind them; the lost are counted', async t => {
    const { away, warnings, add, arrive } = await stage(t);
    const { answer } = away;
    away.answer = (_, response) => void response.writeHead(400).end('{}');
    add(0, 600);
    await eventually(() => assert.equal(warnings.length, 1));
    away.answer = answer;
    add(600, 610);
    await arrive(98);
    assert.match(warnings[0] ?? '', /^traces do not reach [\d.:]+: it answers 400/);
    await eventually(() => assert.match(warnings[1] ?? '', /again, 512 spans were lost$/));
  });

  test('that takes no large bodies gets smaller ones', async t => {
    const { away, warnings, add, arrive } = await stage(t);
    const { answer } = away;
    away.answer = (spans, response) => (spans > 100 ? void response.writeHead(413).end() : answer(spans, response));
    add(0, 512);
    await arrive(512);
    assert.ok(away.batches.every(size => size <= 100));
    assert.deepEqual(warnings, []);
  });
});
