/** Random exchanges with node:http2 at the other end, as client and as server: both ends must have seen the same. A fixed seed, so a failure comes again. */
import assert from 'node:assert/strict';
import { type ClientHttp2Session, connect, createServer, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { createRandom } from '../../../src/async/random.ts';
import type { ResponseHandler, UpstreamLoss } from '../../../src/proxy/exchange/upstream-stream.ts';
import { chunkedBody } from '../../../src/proxy/http1/framing.ts';
import type { ResponseHead } from '../../../src/proxy/http1/response-head.ts';
import { eventually } from '../../support/eventually.ts';
import { answerWith, connectClient, startServer } from './peers.ts';

const cases = 150;
const atOnce = 12;

interface Message {
  readonly fields: Readonly<Record<string, string>>;
  readonly chunks: readonly Buffer[];
  readonly trailers: Readonly<Record<string, string>>;
}

interface Plan {
  readonly id: number;
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly request: Message;
  readonly answer: Message;
  /** Who gives up, instead of ending well. */
  readonly reset: 'client' | 'server' | null;
}

function plans(seed: number): Plan[] {
  const random = createRandom(seed);
  const below = (n: number): number => Math.floor(random.next() * n);
  const pick = <T>(list: readonly T[]): T => list[below(list.length)] as T;
  const value = (): string =>
    Array.from({ length: pick([0, 1, 5, 30, 200]) }, () => String.fromCharCode(33 + below(94))).join('');
  const fields = (most: number, prefix: string): Record<string, string> =>
    Object.fromEntries(
      Array.from({ length: below(most) }, () => [
        `${prefix}${pick(['a', 'b-c', 'd_e', 'f.g', '!#$', '0'])}${below(40)}`,
        value(),
      ]),
    );
  const message = (): Message => ({
    fields: fields(12, 'x-'),
    chunks: Array.from({ length: pick([0, 0, 1, 2, 7]) }, () => Buffer.alloc(pick([1, 100, 8192, 16_384, 70_000]), below(256))),
    trailers: fields(4, 't-'),
  });
  return Array.from({ length: cases }, (_, id) => ({
    id,
    method: pick(['POST', 'PUT', 'PATCH']),
    path: `/${encodeURIComponent(value())}?case=${id}`,
    status: pick([200, 201, 404, 503, 299]),
    request: message(),
    answer: message(),
    reset: pick([null, null, null, null, null, null, 'client', 'server'] as const),
  }));
}

function linesOf(fields: Readonly<Record<string, string>>): string {
  return Object.entries(fields)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('');
}

/** Names with the given prefix, as they came. */
function fieldsOf(prefix: string, lines: string): Record<string, string> {
  const pairs = lines
    .split('\r\n')
    .map(line => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()] as const);
  return Object.fromEntries(pairs.filter(([name]) => name.startsWith(prefix)));
}

function only(prefix: string, headers: object): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => name.startsWith(prefix)));
}

async function all(list: readonly Plan[], run: (plan: Plan) => Promise<void>): Promise<void> {
  const left = [...list];
  const worker = async (): Promise<void> => {
    for (let plan = left.shift(); plan !== undefined; plan = left.shift()) await run(plan);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}

function caseOf(target: string, list: readonly Plan[]): Plan {
  return list[Number(target.slice(target.indexOf('=') + 1))] as Plan;
}

function assertSame(plan: Plan, message: Message, fields: object, body: Buffer, trailers: object): void {
  assert.deepEqual({ ...fields }, message.fields, `fields of case ${plan.id}`);
  assert.ok(body.equals(Buffer.concat(message.chunks)), `body of case ${plan.id}`);
  assert.deepEqual({ ...trailers }, message.trailers, `trailers of case ${plan.id}`);
}

test('a node:http2 client and our server see the same', async () => {
  const list = plans(11);
  await using server = await startServer((request, client) => {
    const plan = caseOf(request.target, list);
    if (plan.reset === 'server') {
      client.abort();
      return;
    }
    assert.equal(request.method, plan.method);
    assert.equal(request.target, plan.path);
    if (plan.reset === null)
      assertSame(plan, plan.request, fieldsOf('x-', request.head), request.body, fieldsOf('t-', request.trailers));
    const head = `HTTP/1.1 ${plan.status} x\r\n${linesOf(plan.answer.fields)}`;
    answerWith(client, head, Buffer.concat(plan.answer.chunks), linesOf(plan.answer.trailers));
  });
  const session = connect(`http://127.0.0.1:${server.port}`);
  await all(list, plan => nodeRequest(session, plan));
  session.close();
  await new Promise(resolve => session.once('close', resolve));
  assert.deepEqual(server.bugs, []);
  for (const connection of server.connections) assert.equal(connection.active, 0);
});

function nodeRequest(session: ClientHttp2Session, plan: Plan): Promise<void> {
  return new Promise((resolve, reject) => {
    const stream = session.request(
      { ':method': plan.method, ':path': plan.path, ...plan.request.fields },
      { waitForTrailers: true, endStream: false },
    );
    let headers: object = {};
    let trailers: object = {};
    const body: Buffer[] = [];
    stream.on('wantTrailers', () => stream.sendTrailers({ ...plan.request.trailers }));
    stream.on('response', head => {
      headers = head;
    });
    stream.on('trailers', head => {
      trailers = head;
    });
    stream.on('data', (bytes: Buffer) => body.push(bytes));
    stream.on('error', error => (plan.reset === null ? reject(new Error(`case ${plan.id}`, { cause: error })) : resolve()));
    stream.on('close', () => {
      try {
        if (plan.reset === null) {
          assert.equal((headers as Record<string, unknown>)[':status'], plan.status);
          assertSame(plan, plan.answer, only('x-', headers), Buffer.concat(body), only('t-', trailers));
        }
        resolve();
      } catch (error) {
        reject(error);
      }
    });
    for (const chunk of plan.request.chunks) stream.write(chunk);
    if (plan.reset === 'client') stream.close(8);
    else stream.end();
  });
}

test('our client and a node:http2 server see the same', async () => {
  const list = plans(12);
  const failures: unknown[] = [];
  const server = createServer();
  server.on('stream', (stream, headers) => {
    nodeAnswer(stream as ServerHttp2Stream, headers, caseOf(String(headers[':path']), list)).catch((error: unknown) =>
      failures.push(error),
    );
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const { client, bugs } = await connectClient((server.address() as AddressInfo).port);
  await all(list, plan => ourRequest(client.stream(), plan));
  await eventually(() => assert.equal(client.active, 0));
  client.destroy();
  await new Promise(resolve => server.close(resolve));
  assert.deepEqual(failures, []);
  assert.deepEqual(bugs, []);
});

async function nodeAnswer(stream: ServerHttp2Stream, headers: object, plan: Plan): Promise<void> {
  stream.on('error', () => {});
  if (plan.reset === 'server') {
    stream.close(2);
    return;
  }
  let trailers: object = {};
  const body: Buffer[] = [];
  stream.on('trailers', head => {
    trailers = head;
  });
  stream.on('data', (bytes: Buffer) => body.push(bytes));
  await new Promise<void>(resolve => stream.once('end', () => resolve()).once('close', () => resolve()));
  if (plan.reset !== null) return;
  assertSame(plan, plan.request, only('x-', headers), Buffer.concat(body), only('t-', trailers));
  stream.respond({ ':status': plan.status, ...plan.answer.fields }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ ...plan.answer.trailers }));
  for (const chunk of plan.answer.chunks) stream.write(chunk);
  stream.end();
}

function ourRequest(
  stream: ReturnType<Awaited<ReturnType<typeof connectClient>>['client']['stream']>,
  plan: Plan,
): Promise<void> {
  return new Promise((resolve, reject) => {
    let head = '';
    let status = 0;
    let trailers = '';
    const body: Buffer[] = [];
    const handler: ResponseHandler = {
      interim() {},
      tunnelOpened() {},
      response(response: ResponseHead) {
        status = response.status;
        head = response.forward(0, '');
        return true;
      },
      piece: (bytes, from, to) => body.push(Buffer.from(bytes.subarray(from, to))),
      trailers(lines) {
        trailers = lines;
      },
      responseEnded() {
        try {
          assert.equal(plan.reset, null);
          assert.equal(status, plan.status);
          assertSame(plan, plan.answer, fieldsOf('x-', head), Buffer.concat(body), fieldsOf('t-', trailers));
          resolve();
        } catch (error) {
          reject(error);
        }
      },
      responseLost(loss: UpstreamLoss) {
        if (plan.reset === 'server') resolve();
        else reject(new Error(`case ${plan.id} lost: ${loss}`));
      },
      turnEnded() {},
      upstreamDrained() {},
    };
    const text = `${plan.method} ${plan.path} HTTP/1.1\r\nHost: a\r\n${linesOf(plan.request.fields)}`;
    stream.send({ method: plan.method, head: text, body: chunkedBody, upgrade: false, trailersWelcome: false }, '', handler);
    for (const chunk of plan.request.chunks) stream.piece(chunk, 0, chunk.length);
    if (plan.reset === 'client') {
      stream.flush();
      stream.cancel();
      resolve();
      return;
    }
    const lines = linesOf(plan.request.trailers);
    if (lines !== '') stream.trailers(lines);
    stream.end();
    stream.flush();
  });
}
