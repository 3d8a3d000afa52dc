/**
 * The story: request smuggling needs two parsers that read the same bytes differently. Ours is one of them, and Node's is the one that most apps
 * behind a sidecar use. So both get the same damaged bytes over real sockets, ours with a Node server (or client) on its other side:
 * what reaches that side must be what Node reads from the bytes itself, as many messages, each with the same method, target, fields, body and trailers.
 *
 * `FUZZ_RUNS=100000 FUZZ_SEED=7 node --test test/attack/fuzz.test.ts` runs longer.
 */
import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, request, type Server } from 'node:http';
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from 'node:net';
import { after, before, describe, test } from 'node:test';
import fc from 'fast-check';
import { clusterTo, type Harness, inboundSnapshot, outboundSnapshot, ruleTo, startPlane } from '../proxy/data-plane-harness.ts';
import { answerBytes, requestBytes } from './fuzz-messages.ts';

const parameters = { numRuns: Number(process.env.FUZZ_RUNS ?? 700), seed: Number(process.env.FUZZ_SEED ?? 4711) };

/** Fields of one connection, and those that a sidecar adds, owns or never lets through (`transfer_encoding`: some servers take `_` for `-`). */
const ownFields = new Set(
  `connection keep-alive proxy-connection te trailer transfer-encoding transfer_encoding upgrade content-length host date expect
   x-request-id x-forwarded-proto x-forwarded-for x-forwarded-client-cert x-envoy-attempt-count x-envoy-original-path
   x-envoy-upstream-service-time server via`.split(/\s+/),
);

type Fields = readonly string[];

/** End-to-end fields as sorted lines: their order across names has no meaning, within one name it stays. */
function fieldsOf(raw: readonly string[]): Fields {
  const pairs = Array.from(
    { length: raw.length / 2 },
    (_, i) => [raw[2 * i]?.toLowerCase() ?? '', raw[2 * i + 1] ?? ''] as const,
  );
  const nominated = pairs.filter(([name]) => name === 'connection').flatMap(([, value]) => value.toLowerCase().split(/\s*,\s*/));
  const kept = pairs.filter(([name]) => !ownFields.has(name) && !nominated.includes(name));
  return kept
    .map(([name, value]) => `${name}: ${value}`)
    .sort((a, b) => (a.split(':')[0] ?? '').localeCompare(b.split(':')[0] ?? ''));
}

interface ReadMessage {
  readonly start: string;
  readonly fields: Fields;
  readonly body: string;
}

/** `null`: it was cut short. */
function readMessage(message: IncomingMessage, start: string): Promise<ReadMessage | null> {
  let body = '';
  message.setEncoding('latin1').on('data', part => {
    body += part;
  });
  return new Promise(resolve => {
    const over = (): void => resolve(message.complete ? { start, fields: fieldsOf(message.rawHeaders), body } : null);
    message.on('end', over).on('error', over).on('close', over);
  });
}

describe('the same bytes mean the same to us and to Node', () => {
  let seen: (ReadMessage | null)[] = [];
  /** Requests that a server is still reading. */
  let open = 0;
  let refused = false;
  let answering = '';
  const sockets = new Set<Socket>();
  const servers: (Server | ReturnType<typeof createTcpServer>)[] = [];
  let nodePort = 0;
  let rawPort = 0;
  let inbound: Harness;
  let outbound: Harness;

  before(async () => {
    const app = createServer({ requestTimeout: 0, headersTimeout: 0 }, (asked, answer) => {
      // Absolute form goes on as origin form.
      const start = `${asked.method} ${(asked.url ?? '').replace(/^http:\/\/[^/?]*/i, '').replace(/^(?=\?)|^$/, '/')}`;
      const place = seen.push(null) - 1;
      open++;
      void readMessage(asked, start).then(message => {
        open--;
        seen[place] = message;
        answer.end();
      });
    });
    app.on('clientError', (_error, socket) => {
      refused = true;
      socket.destroy();
    });
    const raw = createTcpServer({ allowHalfOpen: true }, socket => {
      socket.on('error', () => {});
      socket.once('data', () => socket.end(answering, 'latin1'));
      socket.resume();
    });
    for (const server of [app, raw]) {
      servers.push(server);
      server.on('connection', socket => {
        sockets.add(socket);
        socket.on('close', () => sockets.delete(socket));
      });
      await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
    }
    nodePort = (app.address() as AddressInfo).port;
    rawPort = (raw.address() as AddressInfo).port;
    inbound = await startPlane('inbound', inboundSnapshot(nodePort), { localPort: nodePort });
    outbound = await startPlane('outbound', outboundSnapshot([clusterTo('raw', [rawPort])], [ruleTo('raw')]));
  });

  after(async () => {
    await inbound[Symbol.asyncDispose]();
    await outbound[Symbol.asyncDispose]();
    for (const socket of sockets) socket.destroy();
    for (const server of servers) server.close();
  });

  /** All that a server reads from `bytes`, and the answers' statuses. */
  async function requestsThrough(port: number, bytes: string) {
    seen = [];
    refused = false;
    const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
    let got = '';
    socket.setEncoding('latin1').on('data', text => {
      got += text;
    });
    socket.on('error', () => {});
    socket.end(bytes, 'latin1');
    await new Promise((resolve, reject) => {
      const patience = setTimeout(() => reject(new Error(`port ${port} answered ${JSON.stringify(got)} and did not end`)), 5000);
      socket.on('close', () => {
        clearTimeout(patience);
        resolve(null);
      });
    });
    // The request behind an aborted one may still be on its way out.
    const until = performance.now() + 5000;
    while (open > 0) {
      assert.ok(performance.now() < until, 'a server waits for the rest of a request');
      await new Promise(resolve => setImmediate(resolve));
    }
    const statuses = [...got.matchAll(/HTTP\/1\.1 ([2-5]\d\d)/g)].map(found => Number(found[1]));
    return { messages: seen.filter(message => message !== null), statuses, refused };
  }

  test('requests', async () => {
    let both = 0;
    await fc.assert(
      fc.asyncProperty(requestBytes, async bytes => {
        const direct = await requestsThrough(nodePort, bytes);
        const proxied = await requestsThrough(inbound.port, bytes);
        const count = Math.min(direct.messages.length, proxied.messages.length);
        both += count;
        assert.deepEqual(proxied.messages.slice(0, count), direct.messages.slice(0, count));
        // One more or less only where the other refuses what comes next.
        if (proxied.messages.length > count) assert.ok(direct.refused, 'we read more requests than there are');
        if (direct.messages.length > count)
          assert.ok(
            proxied.statuses.some(status => status >= 400),
            'a request was swallowed',
          );
      }),
      parameters,
    );
    assert.deepEqual(inbound.bugs, []);
    assert.ok(both > parameters.numRuns / 3, `only ${both} requests were read by both`);
  });

  /** What a Node client makes of an answer: all of it, something broken (`cut`), or nothing it can parse (`refused`). */
  function answerThrough(port: number): Promise<ReadMessage | 'cut' | 'refused'> {
    return new Promise(resolve => {
      const sent = request({ host: '127.0.0.1', port, path: '/', agent: false, headers: { host: 'any' } });
      sent.on('response', answer => {
        void readMessage(answer, String(answer.statusCode)).then(message => resolve(message ?? 'cut'));
      });
      sent.on('error', error => resolve((error as NodeJS.ErrnoException).code?.startsWith('HPE_') ? 'refused' : 'cut'));
      sent.on('upgrade', (_answer, socket) => {
        socket.destroy();
        resolve('refused');
      });
      sent.end();
    });
  }

  test('answers', async () => {
    let both = 0;
    await fc.assert(
      fc.asyncProperty(answerBytes, async bytes => {
        answering = bytes;
        const direct = await answerThrough(rawPort);
        const proxied = await answerThrough(outbound.port);
        assert.notEqual(proxied, 'refused', 'we answered with what no client can read');
        if (typeof proxied === 'string') return;
        // A gateway's own answer takes the place of one that it refuses.
        if (proxied.start === '502' || proxied.start === '503') {
          if (typeof direct === 'string' || direct.start !== proxied.start) return;
        }
        assert.notEqual(direct, 'cut', 'an answer that was cut short looks complete');
        if (typeof direct === 'string') return;
        both++;
        assert.deepEqual(proxied, direct);
      }),
      parameters,
    );
    assert.deepEqual(outbound.bugs, []);
    assert.ok(both > parameters.numRuns / 5, `only ${both} answers were read by both`);
  });
});
