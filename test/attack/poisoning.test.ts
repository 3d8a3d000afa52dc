/**
 * Two stories about answers.
 *
 * **Half an answer that looks whole.** A server dies in the middle of its answer. If a proxy closes its own side in order, or ends a chunked body
 * properly, the client takes half a bank statement for a whole one, and a cache keeps it. So: what the server did not finish, no client may see
 * finished, whatever version of HTTP it speaks and however many sidecars are between.
 *
 * **Somebody else's answer.** A server, or who controls what it echoes, sends more than one answer to one request. The surplus waits on the kept
 * connection, and the next request on it, of another user, gets it. So: a connection with surplus on it is never used again.
 */
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { describe, test } from 'node:test';
import { responsesIn } from '../conformance/wire/messages.ts';
import { get, startRaw } from '../proxy/backend.ts';
import { clusterTo, type Harness, inboundSnapshot, outboundSnapshot, ruleTo, startPlane } from '../proxy/data-plane-harness.ts';
import { eventually } from '../support/eventually.ts';

/** A sidecar before whatever listens on `port`; `hops`: 2 with the server's own sidecar between. */
async function chain(
  port: number,
  hops: 1 | 2,
): Promise<AsyncDisposable & { readonly port: number; readonly planes: readonly Harness[] }> {
  const planes: Harness[] = [];
  if (hops === 2) planes.push(await startPlane('inbound', inboundSnapshot(port), { localPort: port }));
  const next = planes[0]?.port ?? port;
  const outer = await startPlane('outbound', outboundSnapshot([clusterTo('app', [next])], [ruleTo('app')]));
  planes.push(outer);
  return {
    port: outer.port,
    planes,
    async [Symbol.asyncDispose]() {
      for (const plane of planes.toReversed()) await plane[Symbol.asyncDispose]();
    },
  };
}

/** `whole`: the client believes that it has all. 0: no answer at all. */
interface Got {
  readonly status: number;
  readonly whole: boolean;
  readonly body: string;
}

function askHttp1(port: number): Promise<Got> {
  return new Promise(resolve => {
    const sent = request({ host: '127.0.0.1', port, path: '/', agent: false, headers: { host: 'any' } }, answer => {
      let body = '';
      answer.setEncoding('latin1').on('data', part => {
        body += part;
      });
      answer.on('error', () => {});
      answer.on('close', () => resolve({ status: answer.statusCode ?? 0, whole: answer.complete, body }));
    });
    sent.on('error', () => resolve({ status: 0, whole: false, body: '' }));
    sent.end();
  });
}

function askHttp2(port: number): Promise<Got> {
  return new Promise(resolve => {
    const session = connectHttp2(`http://127.0.0.1:${port}`);
    session.on('error', () => {});
    const stream = session.request({ ':path': '/', ':authority': 'any' });
    let status = 0;
    let body = '';
    let ended = false;
    stream.setEncoding('latin1').on('response', head => {
      status = Number(head[':status']);
    });
    stream.on('data', part => {
      body += part;
    });
    stream.on('end', () => {
      ended = true;
    });
    stream.on('error', () => {});
    stream.on('close', () => {
      session.destroy();
      resolve({ status, whole: ended && stream.rstCode === 0, body });
    });
  });
}

const ok = 'HTTP/1.1 200 OK\r\n';
const cutAnswers: Readonly<Record<string, string>> = {
  'before anything': '',
  'in the status line': 'HTTP/1.1 200',
  'in the head': `${ok}X-A: b\r\nContent-Le`,
  'after an interim answer': 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n',
  'before the body': `${ok}Content-Length: 10\r\n\r\n`,
  'in the body': `${ok}Content-Length: 10\r\n\r\nhalf`,
  'one byte short': `${ok}Content-Length: 10\r\n\r\n123456789`,
  'in a chunk': `${ok}Transfer-Encoding: chunked\r\n\r\na\r\nhalf`,
  'after a chunk': `${ok}Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n`,
  'in the size of a chunk': `${ok}Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n1`,
  'in the last chunk': `${ok}Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n0\r\n`,
  'in the trailers': `${ok}Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n0\r\nX-Sum: 1\r\n`,
};
/** A FIN is how a crash looks when the kernel tidies up; a reset when it does not. */
const ends: Readonly<Record<string, (socket: Socket, bytes: string) => void>> = {
  FIN: (socket, bytes) => socket.end(bytes, 'latin1'),
  RST: (socket, bytes) => {
    if (bytes === '') socket.resetAndDestroy();
    // Bytes that the reader has not seen when the reset comes are lost with it.
    else socket.write(bytes, 'latin1', () => setImmediate(() => socket.resetAndDestroy()));
  },
};

describe('an answer that was cut short never looks whole', () => {
  for (const hops of [1, 2] as const)
    for (const [end, hangUp] of Object.entries(ends))
      test(`through ${hops} ${hops === 1 ? 'sidecar' : 'sidecars'}, by ${end}`, async () => {
        let bytes = '';
        await using server = await startRaw(socket => {
          socket.on('data', () => hangUp(socket, bytes));
        });
        await using sidecars = await chain(server.port, hops);
        for (const [where, cut] of Object.entries(cutAnswers)) {
          bytes = cut;
          for (const ask of [askHttp1, askHttp2]) {
            const got = await ask(sidecars.port);
            const failed = got.whole && got.status >= 502 && got.status <= 504;
            assert.ok(failed || !got.whole, `cut ${where}: ${ask.name} got ${JSON.stringify(got)}`);
          }
        }
        for (const plane of sidecars.planes) assert.deepEqual(plane.bugs, []);
      });

  test('a body that ends with the connection is broken off by a reset', async () => {
    await using server = await startRaw(socket => {
      socket.on('data', () => ends.RST?.(socket, `${ok}Connection: close\r\n\r\nhalf`));
    });
    await using sidecars = await chain(server.port, 2);
    for (const ask of [askHttp1, askHttp2]) {
      const got = await ask(sidecars.port);
      assert.ok(!got.whole || got.status >= 500, `${ask.name} got ${JSON.stringify(got)}`);
    }
  });

  test('a client of HTTP/1.0, which knows only the end of the connection, gets a reset', async () => {
    let bytes = '';
    await using server = await startRaw(socket => {
      socket.on('data', () => ends.FIN?.(socket, bytes));
    });
    await using sidecars = await chain(server.port, 2);
    for (const [where, cut] of Object.entries(cutAnswers)) {
      bytes = cut;
      const socket = connect({ host: '127.0.0.1', port: sidecars.port });
      let got = '';
      let broken = false;
      socket.setEncoding('latin1').on('data', text => {
        got += text;
      });
      socket.on('error', () => {
        broken = true;
      });
      socket.write('GET / HTTP/1.0\r\nHost: any\r\n\r\n');
      await new Promise(resolve => socket.on('close', resolve));
      assert.ok(broken || /^HTTP\/1\.1 50[234]/.test(got), `cut ${where}: ${JSON.stringify(got)}`);
    }
  });
});

/** A kept client connection: one request after the other, each when the one before is answered. */
async function inTurn(port: number, paths: readonly string[]): Promise<string[]> {
  const socket = connect({ host: '127.0.0.1', port, noDelay: true });
  let got = '';
  socket.setEncoding('latin1').on('data', part => {
    got += part;
  });
  socket.on('error', () => {});
  const answers: string[] = [];
  for (const path of paths) {
    got = '';
    socket.write(`GET ${path} HTTP/1.1\r\nHost: any\r\n\r\n`);
    await eventually(() =>
      assert.ok(
        responsesIn(got, ['GET']).some(answer => answer.status >= 200 && answer.complete),
        got,
      ),
    );
    answers.push(got);
  }
  socket.destroy();
  return answers;
}

const poison = `${ok}Content-Length: 10\r\n\r\nfor victim`;
const surplus: Readonly<Record<string, (path: string) => string>> = {
  'a second answer in the same packet': path => `${ok}Content-Length: ${`for ${path}`.length}\r\n\r\nfor ${path}${poison}`,
  'a body longer than its length': path => `${ok}Content-Length: ${`for ${path}`.length}\r\n\r\nfor ${path}and more`,
  'a second answer behind the last chunk': path =>
    `${ok}Transfer-Encoding: chunked\r\n\r\n${`for ${path}`.length.toString(16)}\r\nfor ${path}\r\n0\r\n\r\n${poison}`,
  'a body behind 204': () => `HTTP/1.1 204 No Content\r\n\r\n${poison}`,
  'a body behind 304': () => `HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n${poison}`,
  'an answer behind an interim one and the final one': path =>
    `HTTP/1.1 100 Continue\r\n\r\n${ok}Content-Length: ${`for ${path}`.length}\r\n\r\nfor ${path}${poison}`,
};

describe('nobody gets the answer of another request', () => {
  for (const [what, answer] of Object.entries(surplus))
    for (const hops of [1, 2] as const)
      test(`${what}, ${hops} ${hops === 1 ? 'sidecar' : 'sidecars'}`, async () => {
        const perConnection: string[][] = [];
        await using server = await startRaw(socket => {
          const mine: string[] = [];
          perConnection.push(mine);
          socket.setEncoding('latin1').on('data', text => {
            for (const [, path = ''] of String(text).matchAll(/GET (\S+) HTTP/g)) {
              mine.push(path);
              socket.write(answer(path), 'latin1');
            }
          });
        });
        await using sidecars = await chain(server.port, hops);
        const paths = ['/attacker', '/one', '/two'];
        const answers = await inTurn(sidecars.port, paths);
        for (const [place, got] of answers.entries()) {
          assert.ok(!got.includes('victim'), got);
          if (got.includes('for ')) assert.ok(got.includes(`for ${paths[place]}`), got);
        }
        // Each request had a connection without anything on it.
        assert.deepEqual(perConnection.flat(), paths);
        for (const requests of perConnection) assert.ok(requests.length <= 1, requests.join());
      });

  test('a second answer that comes while the connection is idle', async () => {
    const sockets: Socket[] = [];
    await using server = await startRaw(socket => {
      sockets.push(socket);
      socket.setEncoding('latin1').on('data', text => {
        const path = /GET (\S+)/.exec(String(text))?.[1] ?? '';
        socket.write(`${ok}Content-Length: ${`for ${path}`.length}\r\n\r\nfor ${path}`);
      });
    });
    await using sidecars = await chain(server.port, 1);
    assert.match((await inTurn(sidecars.port, ['/attacker']))[0] ?? '', /for \/attacker$/);
    const [kept] = sockets;
    assert.ok(kept !== undefined);
    const closed = new Promise(resolve => kept.on('end', resolve).on('close', resolve));
    kept.write(poison);
    // Bytes that nobody asked for cost the server its connection, at once.
    await closed;
    assert.match((await inTurn(sidecars.port, ['/one']))[0] ?? '', /for \/one$/);
    assert.equal(sockets.length, 2);
  });

  test('an answer on a fresh connection before any request', async () => {
    await using server = await startRaw(socket => {
      socket.write(poison);
      socket.setEncoding('latin1').on('data', text => {
        const path = /GET (\S+)/.exec(String(text))?.[1] ?? '';
        socket.write(`${ok}Content-Length: ${`for ${path}`.length}\r\n\r\nfor ${path}`);
      });
    });
    await using sidecars = await chain(server.port, 1);
    const socket = connect({ host: '127.0.0.1', port: sidecars.port });
    let got = '';
    socket.setEncoding('latin1').on('data', text => {
      got += text;
    });
    socket.write(get('/one') + get('/two'));
    await new Promise(resolve => socket.on('close', resolve));
    // The server talks nonsense: at worst its own nonsense comes back once, never in another request's place.
    assert.ok(got.split('victim').length <= 2, got);
  });

  test('an answer that comes before the request was read ends the connection', async () => {
    let connections = 0;
    await using server = await startRaw(socket => {
      connections++;
      socket.once('data', () => socket.write(`${ok}Content-Length: 5\r\n\r\nearly`));
      socket.resume();
    });
    await using sidecars = await chain(server.port, 1);
    const early = connect({ host: '127.0.0.1', port: sidecars.port });
    let got = '';
    early.setEncoding('latin1').on('data', text => {
      got += text;
    });
    early.on('error', () => {});
    early.write('POST /attacker HTTP/1.1\r\nHost: any\r\nContent-Length: 100\r\n\r\nGET /');
    await eventually(() => assert.match(got, /early$/));
    // What is left of the body would be read as the next request.
    assert.match((await inTurn(sidecars.port, ['/one']))[0] ?? '', /200 OK/);
    assert.equal(connections, 2);
    early.destroy();
  });
});
