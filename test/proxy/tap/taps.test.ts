import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { tapText } from '../../../src/cli/tap-text.ts';
import { decodeToDaemon } from '../../../src/control/message.ts';
import { Taps } from '../../../src/proxy/tap/taps.ts';
import { encodeFrame } from '../../../src/snapshot/frame.ts';
import {
  maxTapFields,
  maxTappedPerSecond,
  maxTapText,
  type TapOrder,
  type Tapped,
  type TappedExchange,
  tapLifeMs,
} from '../../../src/snapshot/tap.ts';
import { jsonText } from '../../../src/text/escape.ts';
import { harOf } from '../../../src/text/har.ts';
import { eventually } from '../../support/eventually.ts';
import { manualClock } from '../../support/manual-clock.ts';
import { exchangeRaw, get, startHttp } from '../backend.ts';
import { clusterTo, inboundSnapshot, outboundSnapshot, ruleTo, startPlane } from '../data-plane-harness.ts';

const all: TapOrder = { id: 1, at: 'both', from: '', to: '', path: '', method: '', statuses: [], headers: [], bodyBytes: 0 };

function listener() {
  const messages: Tapped[] = [];
  return {
    messages,
    tell(message: Tapped): boolean {
      // As it arrives at the daemon.
      messages.push(decodeToDaemon(JSON.parse(JSON.stringify(message))) as Tapped);
      return true;
    },
    get exchanges(): TappedExchange[] {
      return messages.flatMap(({ events }) => events.flatMap(({ event }) => (event.kind === 'exchange' ? [event] : [])));
    },
    get dropped(): number {
      return messages.flatMap(({ dropped }) => dropped).reduce((sum, { count }) => sum + count, 0);
    },
  };
}

async function stage() {
  const app = await startHttp((req, res) => {
    let size = 0;
    req.on('data', (chunk: Buffer) => {
      size += chunk.length;
    });
    req.on('end', () => {
      const status = req.url?.startsWith('/bad') ? 500 : 200;
      res.writeHead(status, { 'set-cookie': 'sid=topsecret', 'x-kept': 'yes' }).end(`got ${size}`);
    });
  });
  const plane = await startPlane('outbound', outboundSnapshot([clusterTo('a', [app.port])], [ruleTo('a')]));
  return {
    plane,
    ask: (path: string, ...headers: string[]) => exchangeRaw(plane.port, get(path, ...headers)),
    async [Symbol.asyncDispose]() {
      await plane[Symbol.asyncDispose]();
      await app[Symbol.asyncDispose]();
    },
  };
}

describe('a tap', () => {
  test('tells what passes: heads without their secrets, who called whom, which rule', async () => {
    await using on = await stage();
    const heard = listener();
    on.plane.plane.tap([all], heard.tell);
    const context = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
    await on.ask('/x?token=topsecret&a=1', 'Authorization: Bearer topsecret', 'X-Plain: \u00e9', `traceparent: ${context}`);
    await eventually(() => assert.equal(heard.exchanges.length, 1));
    const [told] = heard.exchanges;
    assert.ok(told !== undefined);
    assert.equal(told.target, '/x?token=***&a=1');
    assert.deepEqual([told.method, told.status, told.flag, told.side], ['GET', 200, '-', 'source']);
    assert.deepEqual([told.caller, told.called, told.rule], ['reviews', 'a', 'all/to a']);
    assert.equal(told.traceId, 'a'.repeat(32));
    assert.equal(Object.fromEntries(told.requestHeaders)['authorization'], '***');
    assert.equal(Object.fromEntries(told.requestHeaders)['x-plain'] !== undefined, true);
    assert.equal(Object.fromEntries(told.responseHeaders)['x-kept'], 'yes');
    assert.deepEqual([told.requestBody, told.responseBody], [null, null]);
    assert.doesNotMatch(JSON.stringify(heard.messages), /topsecret/);
  });

  test('tells only what is asked for', async () => {
    await using on = await stage();
    const heard = listener();
    const orders: TapOrder[] = [
      { ...all, id: 1, path: '/good' },
      { ...all, id: 2, statuses: [[500, 599]] },
      { ...all, id: 3, headers: [{ name: 'end-user', value: 'jason' }] },
      { ...all, id: 4, headers: [{ name: 'end-user', value: null }] },
      { ...all, id: 5, to: 'a', from: 'reviews', method: 'GET' },
      { ...all, id: 6, to: 'b' },
      { ...all, id: 7, from: 'b' },
      { ...all, id: 8, method: 'POST' },
      { ...all, id: 9, at: 'destination' },
    ];
    on.plane.plane.tap(orders, heard.tell);
    await on.ask('/good?1');
    await on.ask('/bad', 'End-User: jason');
    await on.ask('/else', 'End-User: other');
    await eventually(() => assert.equal(heard.exchanges.length, 3));
    const told = heard.messages.flatMap(({ events }) =>
      events.map(({ ids, event }) => [event.kind === 'exchange' ? event.target : '', ids]),
    );
    assert.deepEqual(told, [
      ['/good?1', [1, 5]],
      ['/bad', [2, 3, 4, 5]],
      ['/else', [4, 5]],
    ]);
  });

  test('at the side of the server it is the one that is called', async () => {
    await using app = await startHttp((_, res) => res.end('hello'));
    await using plane = await startPlane('inbound', inboundSnapshot(app.port), { localPort: app.port });
    const heard = listener();
    plane.plane.tap(
      [
        { ...all, at: 'destination', to: 'reviews' },
        { ...all, id: 2, at: 'source' },
        { ...all, id: 3, to: 'others' },
      ],
      heard.tell,
    );
    await exchangeRaw(plane.port, get('/'));
    await eventually(() => assert.equal(heard.exchanges.length, 1));
    assert.deepEqual([heard.exchanges[0]?.side, heard.exchanges[0]?.called], ['destination', 'reviews']);
    assert.deepEqual(heard.messages[0]?.events[0]?.ids, [1]);
  });

  test('bodies only where they are asked for, and only their beginning', async () => {
    await using on = await stage();
    const heard = listener();
    on.plane.plane.tap(
      [
        { ...all, path: '/with', bodyBytes: 4 },
        { ...all, id: 2, path: '/plain' },
      ],
      heard.tell,
    );
    const post = (path: string): string =>
      `POST ${path} HTTP/1.1\r\nHost: any\r\nContent-Length: 6\r\nConnection: close\r\n\r\nabcdef`;
    await exchangeRaw(on.plane.port, post('/with'));
    await exchangeRaw(on.plane.port, post('/plain'));
    await eventually(() => assert.equal(heard.exchanges.length, 2));
    const [has, none] = heard.exchanges;
    assert.deepEqual(has?.requestBody, { base64: Buffer.from('abcd').toString('base64'), cut: true });
    assert.deepEqual(has?.responseBody, { base64: Buffer.from('got ').toString('base64'), cut: true });
    assert.deepEqual([none?.requestBody, none?.responseBody], [null, null]);
  });

  test('an answer of the sidecar itself is told with its flag', async () => {
    await using plane = await startPlane('outbound', outboundSnapshot([clusterTo('empty', [])], [ruleTo('empty')]));
    const heard = listener();
    plane.plane.tap([all], heard.tell);
    await exchangeRaw(plane.port, get('/'));
    await eventually(() => assert.equal(heard.exchanges.length, 1));
    assert.deepEqual(
      [heard.exchanges[0]?.status, heard.exchanges[0]?.flag, heard.exchanges[0]?.responseHeaders],
      [503, 'UH', []],
    );
  });

  test('what is more than a sidecar tells in a second is counted, and served all the same', async () => {
    await using on = await stage();
    const heard = listener();
    on.plane.plane.tap([all], heard.tell);
    const count = 3 * maxTappedPerSecond;
    const answers = await Promise.all(Array.from({ length: count }, (_, i) => on.ask(`/${i}`)));
    assert.ok(answers.every(answer => /^HTTP\/1.1 200/.test(answer.toString())));
    await eventually(() => assert.equal(heard.exchanges.length + heard.dropped, count));
    assert.ok(heard.dropped > 0);
  });

  test('heads of 60 KiB and of hundreds of fields are cut, and fit the channel however many there are', async () => {
    await using on = await stage();
    const heard = listener();
    on.plane.plane.tap([all], heard.tell);
    // The app's own server takes no such heads; the sidecars do.
    const long = 'v'.repeat(50 * 1024);
    await on.ask('/long', `x-long: ${long}`);
    await on.ask('/many', ...Array.from({ length: 200 }, (_, i) => `x-${i}: ${'w'.repeat(200)}`));
    await eventually(() => assert.equal(heard.exchanges.length, 2));
    const [one, many] = heard.exchanges;
    const shown = one?.requestHeaders.find(([name]) => name === 'x-long')?.[1] ?? '';
    assert.equal(shown.length, maxTapText);
    assert.ok(shown.endsWith('…'));
    assert.equal(many?.requestHeaders.length, maxTapFields);
    const count = 80;
    const answers = await Promise.all(
      Array.from({ length: count }, () =>
        on.ask('/many', ...Array.from({ length: 7 }, (_, i) => `x-${i}: ${'w'.repeat(2_000)}`)),
      ),
    );
    assert.deepEqual([...new Set(answers.map(answer => answer.toString().slice(0, 12)))], ['HTTP/1.1 200']);
    await eventually(() => assert.equal(heard.exchanges.length + heard.dropped, count + 2));
    for (const message of heard.messages) assert.ok(encodeFrame(message).length < 1024 * 1024);
  });

  test('bytes that are no text pass through heads and bodies as they are', async () => {
    const bytes = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0xff, 0xfe, 0, 10, 27, 0xc3]);
    const app = await startHttp((_, res) => {
      res.writeHead(200, { 'content-encoding': 'gzip', 'x-bin': '\u00e9\u009b\u00ff' }).end(bytes);
    });
    await using plane = await startPlane('outbound', outboundSnapshot([clusterTo('a', [app.port])], [ruleTo('a')]));
    const heard = listener();
    plane.plane.tap([{ ...all, bodyBytes: 1_024 }], heard.tell);
    await exchangeRaw(plane.port, get('/', 'x-bin: \u0080\u00ff\t\u009b'));
    await eventually(() => assert.equal(heard.exchanges.length, 1));
    const [exchange] = heard.exchanges;
    assert.ok(exchange !== undefined);
    assert.deepEqual(Buffer.from(exchange.responseBody?.base64 ?? '', 'base64'), bytes);
    assert.equal(exchange.responseHeaders.find(([name]) => name === 'x-bin')?.[1], '\u00e9\u009b\u00ff');
    // JSON, terminal and archive show what it is without obeying it.
    const lines = tapText({ ...exchange, at: 'web-1' }, true, (_, text) => text);
    for (const line of lines) assert.doesNotMatch(line, /[\u0000-\u001f\u007f-\u009f]/);
    assert.ok(lines.includes('  < (11 bytes that are no text)'));
    assert.deepEqual(JSON.parse(jsonText(exchange)), JSON.parse(JSON.stringify(exchange)));
    const archive = JSON.stringify(harOf([{ ...exchange, at: 'web-1' }], '1'));
    assert.ok(archive.includes(`"encoding":"base64"`) && archive.includes(bytes.toString('base64')));
    await app[Symbol.asyncDispose]();
  });

  test('what the channel does not take is counted', async () => {
    await using on = await stage();
    const heard = listener();
    let slow = true;
    let refused = 0;
    on.plane.plane.tap([all], message => {
      if (!slow) return heard.tell(message);
      refused++;
      return false;
    });
    await on.ask('/lost');
    await eventually(() => assert.equal(refused, 1));
    slow = false;
    await on.ask('/told');
    await eventually(() => assert.deepEqual([heard.exchanges.length, heard.dropped], [1, 1]));
  });

  test('raw TCP connections are told, unless something is asked for that only requests have', async () => {
    const clusters = [clusterTo('a', [1])];
    const base = outboundSnapshot(clusters, []);
    const outbound = base.outbound.map(each => ({ ...each, protocol: 'tcp' as const, tcp: [{ cluster: 'a', weight: 1 }] }));
    await using plane = await startPlane('outbound', { ...base, outbound });
    const heard = listener();
    plane.plane.tap([all, { ...all, id: 2, method: 'GET' }, { ...all, id: 3, from: 'reviews', to: 'a' }], heard.tell);
    await exchangeRaw(plane.port, 'hello');
    await eventually(() => assert.equal(heard.messages.length, 1));
    const [told] = heard.messages[0]?.events ?? [];
    assert.ok(told?.event.kind === 'connection');
    assert.deepEqual([told.event.phase, told.event.side, told.event.caller], ['closed', 'source', 'reviews']);
    assert.ok(told.ids.includes(1) && !told.ids.includes(2));
  });

  test('ends by itself where it is not asked for again', () => {
    const clock = manualClock();
    const taps = new Taps(clock);
    taps.use([all], () => true);
    clock.advance(tapLifeMs - 1);
    taps.use([all], () => true);
    clock.advance(tapLifeMs - 1);
    assert.equal(taps.active, true);
    clock.advance(1);
    assert.equal(taps.active, false);
  });

  test('an order of the same number from another daemon is another order', async () => {
    await using on = await stage();
    const heard = listener();
    on.plane.plane.tap([{ ...all, path: '/old' }], heard.tell);
    on.plane.plane.tap([{ ...all, path: '/new' }], heard.tell);
    for (const path of ['/old', '/new']) await on.ask(path);
    await eventually(() =>
      assert.deepEqual(
        heard.exchanges.map(({ target }) => target),
        ['/new'],
      ),
    );
  });

  test('nobody is told any more once nobody watches', async () => {
    await using on = await stage();
    const heard = listener();
    on.plane.plane.tap([all], heard.tell);
    on.plane.plane.tap([], heard.tell);
    await on.ask('/');
    on.plane.plane.tap([{ ...all, id: 2 }], heard.tell);
    await on.ask('/now');
    await eventually(() =>
      assert.deepEqual(
        heard.exchanges.map(({ target }) => target),
        ['/now'],
      ),
    );
  });
});
