/** However a client's bytes are cut into packets, the server sees the same requests and the client the same answers. */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { describe, test } from 'node:test';
import { startRaw, statusOf } from '../proxy/backend.ts';
import { inboundSnapshot, startPlane } from '../proxy/data-plane-harness.ts';

const head = 'Host: a\r\nX-Request-Id: r\r\n';
const cases: Readonly<Record<string, string>> = {
  'pipelined requests': `GET /1 HTTP/1.1\r\n${head}\r\nGET /2 HTTP/1.1\r\n${head}Connection: close\r\n\r\n`,
  'a length': `POST /1 HTTP/1.1\r\n${head}Content-Length: 5\r\n\r\nhelloGET /2 HTTP/1.1\r\n${head}Connection: close\r\n\r\n`,
  'chunks with extension and trailer': `POST /1 HTTP/1.1\r\n${head}Transfer-Encoding: chunked\r\n\r\n5;a="b"\r\nhello\r\n0\r\nX-T: 1\r\nHost: evil\r\n\r\nGET /2 HTTP/1.1\r\n${head}Connection: close\r\n\r\n`,
  'a broken second request': `GET /1 HTTP/1.1\r\n${head}\r\nGET /2 HTTP/1.1\r\n Host: a\r\n\r\n`,
  'a contradiction of lengths': `POST /1 HTTP/1.1\r\n${head}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
};

/** Complete requests as a strict server reads them; data of chunks joined. */
function requestsIn(text: string): string[] {
  const found: string[] = [];
  let rest = text;
  for (;;) {
    const end = rest.indexOf('\r\n\r\n');
    if (end < 0) return found;
    const request = rest.slice(0, end);
    rest = rest.slice(end + 4);
    const length = Number(/content-length: (\d+)/i.exec(request)?.[1] ?? 0);
    if (rest.length < length) return found;
    let body = rest.slice(0, length);
    rest = rest.slice(length);
    if (/transfer-encoding: chunked/i.test(request)) {
      const last = rest.search(/(^|\r\n)0\r\n/);
      const stop = last < 0 ? -1 : rest.indexOf('\r\n\r\n', last);
      if (stop < 0) return found;
      // Sizes of chunks differ with the packets; what they carry and the trailers may not.
      body = rest.slice(0, stop).replace(/[1-9a-f][0-9a-f]*\r\n(\w+)\r\n/g, '$1');
      rest = rest.slice(stop + 4);
    }
    found.push(`${request}|${body}`);
  }
}

async function play(
  sent: string,
  parts: readonly string[],
): Promise<{ readonly requests: string[]; readonly statuses: number[] }> {
  let seen = '';
  let answered = 0;
  await using app = await startRaw(socket => {
    socket.on('data', bytes => {
      seen += bytes.toString('latin1');
      for (const total = requestsIn(seen).length; answered < total; answered++)
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
    });
  });
  await using plane = await startPlane('inbound', inboundSnapshot(app.port), { localPort: app.port });
  const socket = connect({ host: '127.0.0.1', port: plane.port, noDelay: true });
  let got = '';
  socket.setEncoding('latin1').on('data', part => {
    got += part;
  });
  socket.on('error', () => {});
  const closed = new Promise(resolve => socket.on('close', resolve));
  for (const part of parts) {
    if (!socket.writable) break;
    await new Promise<void>(resolve => socket.write(part, 'latin1', () => setImmediate(resolve)));
  }
  await closed;
  assert.equal(parts.join(''), sent);
  assert.deepEqual(plane.bugs, []);
  return { requests: requestsIn(seen), statuses: got.split(/(?=HTTP\/1\.1 )/).map(statusOf) };
}

describe('split input', () => {
  for (const [name, sent] of Object.entries(cases)) {
    test(name, async () => {
      const whole = await play(sent, [sent]);
      assert.ok(whole.statuses.length > 0);
      assert.deepEqual(await play(sent, [...sent]), whole);
      for (const cut of [1, 17, Math.floor(sent.length / 2), sent.length - 1]) {
        assert.deepEqual(await play(sent, [sent.slice(0, cut), sent.slice(cut)]), whole, `cut at ${cut}`);
      }
    });
  }
});
