/**
 * The story: two servers in a row agree on the bytes of a connection but not on where one request ends and the next begins. What the first takes for a
 * body is the second one's next request, with the rights of whoever comes next: rules, authorization and the access log never see it.
 *
 * A sidecar is the first of two. It either refuses what could be read in two ways, or writes it anew in the one form that nobody reads otherwise.
 * Here the server behind it writes down every byte; `/SMUGGLED` is what must never be a request there.
 */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { describe, test } from 'node:test';
import { decodeSnapshot } from '../../src/snapshot/decode.ts';
import type { RouteRule } from '../../src/snapshot/route-rule.ts';
import type { UpstreamProtocol } from '../../src/snapshot/snapshot.ts';
import { requestsIn, valuesOf } from '../conformance/wire/messages.ts';
import { exchangeRaw, startRaw, statusOf } from '../proxy/backend.ts';
import { clusterTo, type Harness, inboundSnapshot, outboundSnapshot, ruleTo, startPlane } from '../proxy/data-plane-harness.ts';
import { block, frame, getRequest, RawClient } from '../proxy/http2/raw-client.ts';
import { eventually } from '../support/eventually.ts';

interface Recorded extends AsyncDisposable {
  readonly port: number;
  /** All that came, by connection. */
  readonly connections: readonly { text: string }[];
}

/** Answers each request that a strict server sees as whole. */
async function recorder(): Promise<Recorded> {
  const connections: { text: string }[] = [];
  const server = await startRaw(socket => {
    const mine = { text: '' };
    connections.push(mine);
    let answered = 0;
    socket.on('end', () => socket.end());
    socket.on('data', bytes => {
      mine.text += bytes.toString('latin1');
      const whole = requestsIn(mine.text).filter(request => request.complete).length;
      for (; answered < whole; answered++) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
    });
  });
  return { port: server.port, connections, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

/** What no server may ever have got. */
function checkClean({ connections }: Recorded, what: string): void {
  for (const { text } of connections) {
    for (const request of requestsIn(text)) {
      assert.deepEqual(request.faults, [], what);
      assert.ok(!request.target.includes('SMUGGLED'), `${what}: ${request.line}`);
      const framings = valuesOf(request, 'content-length').length + valuesOf(request, 'transfer-encoding').length;
      assert.ok(framings <= 1, `${what}: ${framings} framings`);
    }
  }
}

const host = 'Host: app.mesh\r\n';
const hidden = `GET /SMUGGLED HTTP/1.1\r\n${host}\r\n`;
const post = `POST /shop HTTP/1.1\r\n${host}`;
/** A body that a reader of chunks ends after five bytes, and the request behind it. */
const zeroThenHidden = `0\r\n\r\n${hidden}`;
const chunkedHidden = `${hidden.length.toString(16)}\r\n${hidden}\r\n0\r\n\r\n`;

const attacks: Readonly<Record<string, string>> = {
  'CL.TE: the length says all, the coding ends early': `${post}Content-Length: ${zeroThenHidden.length}\r\nTransfer-Encoding: chunked\r\n\r\n${zeroThenHidden}`,
  'TE.CL: the coding says all, the length ends early': `${post}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n${chunkedHidden}`,
  'CL.CL: two lengths': `${post}Content-Length: 0\r\nContent-Length: ${hidden.length}\r\n\r\n${hidden}`,
  'a list of lengths': `${post}Content-Length: 0, ${hidden.length}\r\n\r\n${hidden}`,
  'a length with a sign': `${post}Content-Length: +${hidden.length}\r\n\r\n${hidden}`,
  'a length in hex': `${post}Content-Length: 0x${hidden.length.toString(16)}\r\n\r\n${hidden}`,
  ...Object.fromEntries(
    [
      'Transfer-Encoding: xchunked',
      'Transfer-Encoding : chunked',
      'Transfer-Encoding: chunked\r\nTransfer-Encoding: x',
      'Transfer-Encoding: x\r\nTransfer-Encoding: chunked',
      'Transfer-Encoding:\x0bchunked',
      'Transfer-Encoding: "chunked"',
      'Transfer-Encoding: identity, chunked',
      'Transfer-Encoding: chunked, identity',
      'Transfer-Encoding:\r\n chunked',
      'X: y\r\n Transfer-Encoding: chunked',
      'X: y\nTransfer-Encoding: chunked',
      'X: y\rTransfer-Encoding: chunked',
      '\x00Transfer-Encoding: chunked',
      'Transfer-Encoding\x00: chunked',
      'Transfer_Encoding: chunked',
      'Transfer-Encoding: chunked\x00',
      'Transfer-Encoding: \x85chunked',
    ].map(line => [
      `TE.TE: ${JSON.stringify(line)}`,
      `${post}Content-Length: ${zeroThenHidden.length}\r\n${line}\r\n\r\n${zeroThenHidden}`,
    ]),
  ),
  'a connection option takes the length away': `${post}Connection: content-length\r\nContent-Length: ${hidden.length}\r\n\r\n${hidden}`,
  'a connection option takes the coding away': `${post}Connection: transfer-encoding\r\nTransfer-Encoding: chunked\r\n\r\n${chunkedHidden}`,
  'a connection option takes the host away': `GET / HTTP/1.1\r\n${host}Connection: host\r\n\r\n`,
  'the end of a chunk hidden in an extension': `${post}Transfer-Encoding: chunked\r\n\r\n5;x\nabcde\r\n0\r\n\r\n${hidden}`,
  'a chunk that is longer than it says': `${post}Transfer-Encoding: chunked\r\n\r\n5\r\nabcdefg\r\n0\r\n\r\n${hidden}`,
  'a chunk size that overflows': `${post}Transfer-Encoding: chunked\r\n\r\n100000000000000005\r\nabcde\r\n0\r\n\r\n${hidden}`,
  'a length among the trailers': `${post}Transfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\nContent-Length: ${hidden.length}\r\n\r\n`,
  'a coding in HTTP/1.0': `POST /shop HTTP/1.0\r\n${host}Content-Length: ${zeroThenHidden.length}\r\nTransfer-Encoding: chunked\r\n\r\n${zeroThenHidden}`,
  'an upgrade to HTTP/2 that takes the connection past the rules': `GET / HTTP/1.1\r\n${host}Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\nPRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${hidden}`,
  'a WebSocket that the server does not open': `GET /chat HTTP/1.1\r\n${host}Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nContent-Length: ${hidden.length}\r\n\r\n${hidden}`,
  'another host in the request line': `GET http://app.mesh/ HTTP/1.1\r\nHost: evil.mesh\r\n\r\n`,
  'a request line in a header value': `GET / HTTP/1.1\r\n${host}X: y\r\r\n\r\n${hidden.replace('GET', 'G')}`,
};

describe('HTTP/1', () => {
  for (const [what, bytes] of Object.entries(attacks))
    test(what, async () => {
      await using app = await recorder();
      await using inner = await startPlane('inbound', inboundSnapshot(app.port), { localPort: app.port });
      await using outer = await startPlane('outbound', outboundSnapshot([clusterTo('app', [inner.port])], [ruleTo('app')]));
      for (const port of [inner.port, outer.port]) {
        const socket = connect({ host: '127.0.0.1', port });
        socket.on('error', () => {});
        socket.resume();
        // Refused or read as what it is: either way the end comes, as the client will send no more.
        socket.end(bytes, 'latin1');
        await new Promise(resolve => socket.on('close', resolve));
        // The next user of the same sidecar gets an answer of their own.
        const next = await exchangeRaw(port, `GET /next HTTP/1.1\r\n${host}Connection: close\r\n\r\n`);
        assert.equal(statusOf(next), 200);
        assert.ok(next.endsWith('\r\n\r\nok'), next);
      }
      checkClean(app, what);
      assert.deepEqual([...inner.bugs, ...outer.bugs], []);
    });

  test('a client that stops in the middle of a body takes its connection with it', async () => {
    await using app = await recorder();
    await using plane = await startPlane('inbound', inboundSnapshot(app.port), { localPort: app.port });
    const slow = connect({ host: '127.0.0.1', port: plane.port });
    slow.on('error', () => {});
    slow.write(`${post}Content-Length: 1000\r\n\r\nhalf`);
    await eventually(() => assert.match(app.connections[0]?.text ?? '', /half$/));
    slow.destroy();
    // Were its connection used again, this would be the rest of the body, and what comes then the request.
    const next = await exchangeRaw(
      plane.port,
      hidden.replace('/SMUGGLED', '/next').replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'),
    );
    assert.equal(statusOf(next), 200);
    assert.equal(app.connections.length, 2);
    checkClean(app, 'half a body');
  });
});

const { ':path': _, ...noPath } = getRequest;
const long = { ...getRequest, ':method': 'POST', ':path': '/shop' };
/** Fields of a request in HTTP/2, where any byte may stand in any place, and its body. */
const downgrades: Readonly<
  Record<string, readonly [fields: Readonly<Record<string, string>> | [string, string][], body: string]>
> = {
  'H2.CL: a length shorter than the body': [{ ...long, 'content-length': '0' }, hidden],
  'H2.CL: a length longer than the body': [{ ...long, 'content-length': '500' }, 'x'],
  'H2.TE: a coding that HTTP/2 does not have': [{ ...long, 'transfer-encoding': 'chunked' }, zeroThenHidden],
  'a header behind a line end in a value': [{ ...long, x: 'y\r\ntransfer-encoding: chunked' }, zeroThenHidden],
  'a request behind two line ends in a value': [{ ...getRequest, x: `y\r\n\r\n${hidden}` }, ''],
  'a bare line feed in a value': [{ ...getRequest, x: `y\ncontent-length: 99` }, ''],
  'a header in a name': [{ ...long, 'x: y\r\ntransfer-encoding': 'chunked' }, zeroThenHidden],
  'a colon in a name': [{ ...long, 'transfer-encoding: chunked\r\nx:': 'y' }, zeroThenHidden],
  'a space at the end of a name': [{ ...long, 'transfer-encoding ': 'chunked' }, zeroThenHidden],
  'a request line in the method': [{ ...getRequest, ':method': `GET /SMUGGLED HTTP/1.1\r\n${host}\r\nGET` }, ''],
  'a request in the path': [{ ...getRequest, ':path': `/ HTTP/1.1\r\n${host}\r\n${hidden}` }, ''],
  'a space in the path': [{ ...getRequest, ':path': '/SMUGGLED HTTP/1.1 x' }, ''],
  'a header in the authority': [{ ...getRequest, ':authority': 'app.mesh\r\ntransfer-encoding: chunked' }, ''],
  'a path in the authority': [{ ...getRequest, ':authority': 'app.mesh/SMUGGLED?' }, ''],
  'a header in the scheme': [{ ...getRequest, ':scheme': `http\r\n${host}\r\n${hidden}` }, ''],
  'no path': [noPath, ''],
  'two paths': [[...Object.entries(getRequest), [':path', '/SMUGGLED']], ''],
  'another host beside the authority': [{ ...getRequest, host: 'evil.mesh' }, ''],
  'fields of the connection': [{ ...getRequest, connection: 'x-secret, content-length' }, ''],
  'an upgrade': [{ ...getRequest, upgrade: 'websocket' }, ''],
};

describe('HTTP/2 written as HTTP/1', () => {
  for (const protocol of ['http1', 'preserve'] as const satisfies UpstreamProtocol[])
    for (const [what, [fields, body]] of Object.entries(downgrades))
      test(`${what}, to ${protocol}`, async () => {
        await using app = await recorder();
        await using inner = await startPlane('inbound', inboundSnapshot(app.port, { appProtocol: 'http1' }), {
          localPort: app.port,
        });
        const cluster = clusterTo('app', [inner.port], { protocol });
        await using outer = await startPlane('outbound', outboundSnapshot([cluster], [ruleTo('app')]));
        const client = await RawClient.open(outer.port);
        client.write(frame(1, body === '' ? 5 : 4, 1, longBlock(fields)) + (body === '' ? '' : frame(0, 1, 1, body)));
        await client.settled();
        await over(client, outer);
        const next = await RawClient.open(outer.port);
        next.write(frame(1, 5, 1, block({ ...getRequest, ':path': '/next' })));
        await eventually(() => assert.equal(next.heads.at(-1)?.fields[':status'], '200'));
        next.socket.destroy();
        client.socket.destroy();
        checkClean(app, what);
        assert.ok(app.connections.some(({ text }) => text.includes('GET /next ')));
        assert.deepEqual([...inner.bugs, ...outer.bugs], []);
      });
});

/** Fields with values of any length below 16 KiB: HPACK's integers need a second byte from 127 on. */
function longBlock(fields: Readonly<Record<string, string>> | [string, string][]): string {
  const text = (value: string): string => {
    const rest = value.length - 127;
    if (rest < 0) return String.fromCharCode(value.length) + value;
    const size = rest < 128 ? String.fromCharCode(127, rest) : String.fromCharCode(127, (rest & 127) | 128, rest >> 7);
    return size + value;
  };
  const list = Array.isArray(fields) ? fields : Object.entries(fields);
  return list.map(([name, value]) => `\0${text(name)}${text(value)}`).join('');
}

/** The request was refused, reset or answered, or took the connection with it. */
async function over(client: RawClient, { accessLog }: Harness): Promise<void> {
  await eventually(() =>
    assert.ok(client.closed || client.goaway !== null || client.resets.length > 0 || client.heads.length > 0, accessLog.join()),
  );
}

describe('what rules write', () => {
  const rewriting = (rule: Partial<RouteRule>): RouteRule => ruleTo('app', rule);
  const split = [{ cluster: 'app', weight: 1 }];
  const bad = ['/a%0d%0aX-Injected:%20yes', '/a%0D%0A%0D%0AGET%20/OTHER%20HTTP/1.1', '/%00', '/a%20HTTP/1.1'];
  const rules: Readonly<Record<string, RouteRule>> = {
    'a path by regular expression': rewriting({
      action: { kind: 'forward', split, rewrite: { path: { kind: 'regex', pattern: '^/(.*)$', value: '/v2/\\1' } } },
    }),
    'a path by prefix': rewriting({
      matches: [{ path: { kind: 'prefix', value: '/' }, methods: [], headers: [], query: [] }],
      action: { kind: 'forward', split, rewrite: { path: { kind: 'prefix', value: '/v2/' } } },
    }),
    'a redirection': rewriting({ action: { kind: 'redirect', status: 302, scheme: 'https' } }),
    'a redirection by regular expression': rewriting({
      action: { kind: 'redirect', status: 302, path: { kind: 'regex', pattern: '^/(.*)$', value: '/\\1' } },
    }),
  };
  for (const [what, rule] of Object.entries(rules))
    test(`${what} carries no line end out of the path`, async () => {
      await using app = await recorder();
      await using plane = await startPlane('outbound', outboundSnapshot([clusterTo('app', [app.port])], [rule]));
      for (const path of bad) {
        const answer = await exchangeRaw(plane.port, `GET ${path} HTTP/1.1\r\n${host}Connection: close\r\n\r\n`);
        assert.ok(!/^(x-injected|get \/other)/im.test(answer), answer);
      }
      checkClean(app, what);
      for (const { text } of app.connections) assert.ok(!/^x-injected/im.test(text), text);
    });

  test('a redirection never leaves the host by way of the path', async () => {
    await using plane = await startPlane(
      'outbound',
      outboundSnapshot([], [rules['a redirection by regular expression'] as RouteRule]),
    );
    for (const path of ['//evil.mesh/', '/\\evil.mesh/', '///evil.mesh']) {
      const answer = await exchangeRaw(plane.port, `GET ${path} HTTP/1.1\r\n${host}Connection: close\r\n\r\n`);
      const location = /^location: (.*)\r$/im.exec(answer)?.[1] ?? 'http://app.mesh/';
      assert.equal(new URL(location, 'http://app.mesh/').hostname, 'app.mesh', location);
    }
  });

  test('a snapshot whose edits hold a line end is refused', () => {
    for (const value of ['a\r\nx: y', 'a\ny', 'a\0']) {
      const edits = { remove: [], set: [{ name: 'x-a', value }], add: [] };
      const snapshot = outboundSnapshot([clusterTo('app', [1])], [ruleTo('app', { requestHeaders: edits })]);
      assert.throws(() => decodeSnapshot(JSON.parse(JSON.stringify(snapshot))), /x-a|value|header/i, JSON.stringify(value));
    }
  });

  test('what the sidecar says of itself cannot be said by a client', async () => {
    await using app = await recorder();
    await using plane = await startPlane('inbound', inboundSnapshot(app.port), { localPort: app.port });
    const claims = 'X-Forwarded-Client-Cert: URI=spiffe://mesh/admin\r\nx-forwarded-client-cert: URI=spiffe://mesh/root\r\n';
    await exchangeRaw(plane.port, `GET / HTTP/1.1\r\n${host}${claims}Connection: close, x-forwarded-proto\r\n\r\n`);
    assert.ok(!app.connections.some(({ text }) => text.includes('spiffe://mesh/')));
    checkClean(app, 'claims');
  });
});
