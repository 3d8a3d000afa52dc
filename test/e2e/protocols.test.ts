/** Every protocol through two real sidecars: gRPC in all its forms, WebSocket, server-sent events, a server that speaks first. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { Client, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { WebSocket } from 'ws';
import { eventually } from '../support/eventually.ts';
import { ProtocolMesh } from '../support/protocol-mesh.ts';
import { echoService, type Message } from './apps/protocol-methods.ts';

let mesh: ProtocolMesh;
let client: Client;

before(async () => {
  mesh = await ProtocolMesh.create('e2e-protocols');
  const up = await mesh.mesh('up', '-d', '--wait');
  assert.equal(up.code, 0, `mesh up: ${up.stderr}${up.stdout}`);
  client = new Client(`127.0.0.1:${mesh.gatewayPort}`, credentials.createInsecure());
});

after(async () => {
  client?.close();
  await mesh?.[Symbol.asyncDispose]();
});

const { unary, many, collect, chat, hang, fail } = echoService;
type Ended = { readonly code: number; readonly details: string; readonly metadata: Metadata };

function call(
  method: typeof unary,
  message: string,
  metadata = new Metadata(),
  options = {},
): Promise<{ value: string | undefined; error: ServiceError | null; ended: Ended; head: Metadata | null }> {
  return new Promise(resolve => {
    let head: Metadata | null = null;
    let done: { value: string | undefined; error: ServiceError | null } | null = null;
    const made = client.makeUnaryRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      { text: message },
      metadata,
      options,
      (error, value) => {
        done = { value: value?.text, error };
      },
    );
    made.on('metadata', each => {
      head = each;
    });
    made.on('status', ended => setImmediate(() => resolve({ ...(done ?? { value: undefined, error: null }), ended, head })));
  });
}

describe('gRPC', () => {
  test('a unary call keeps its message, metadata and trailers, empty or large', async () => {
    const metadata = new Metadata();
    metadata.add('x-echo', 'one');
    const { value, head, ended } = await call(unary, 'hello', metadata);
    assert.equal(value, 'hello');
    assert.deepEqual(head?.get('x-echo'), ['one']);
    assert.equal(ended.metadata.get('x-cancelled').length, 1);
    assert.equal((await call(unary, '')).value, '');
    const large = 'x'.repeat(3_000_000);
    assert.equal((await call(unary, large)).value, large);
  });

  test('streams of either side and of both are whole and in order', async () => {
    const server = client.makeServerStreamRequest(
      many.path,
      many.requestSerialize,
      many.responseDeserialize,
      { text: '2000' },
      new Metadata(),
    );
    const got: string[] = [];
    for await (const value of server) got.push((value as Message).text);
    assert.deepEqual(
      got,
      Array.from({ length: 2000 }, (_, i) => String(i)),
    );

    const collected = await new Promise<string | undefined>((resolve, reject) => {
      const upload = client.makeClientStreamRequest(
        collect.path,
        collect.requestSerialize,
        collect.responseDeserialize,
        new Metadata(),
        (error, value) => (error === null ? resolve(value?.text) : reject(error)),
      );
      for (let i = 0; i < 500; i++) upload.write({ text: `${i},` });
      upload.end();
    });
    assert.equal(collected, Array.from({ length: 500 }, (_, i) => `${i},`).join(''));

    const both = client.makeBidiStreamRequest(chat.path, chat.requestSerialize, chat.responseDeserialize, new Metadata());
    for (const word of ['a', 'b', 'c']) {
      both.write({ text: word });
      const [answer] = await once(both, 'data');
      assert.equal(answer.text, `re: ${word}`);
    }
    both.end();
    both.resume();
    const [ended] = (await once(both, 'status')) as [Ended];
    assert.equal(ended.code, status.OK);
  });

  test('a status with a message, an unknown method and a deadline arrive as such', async () => {
    const failed = await call(fail, '');
    assert.deepEqual([failed.error?.code, failed.error?.details], [status.NOT_FOUND, 'no such thing: ä%']);
    const unknown = await call({ ...unary, path: '/test.Echo/Nobody' }, '');
    assert.equal(unknown.error?.code, status.UNIMPLEMENTED);
    const late = client.makeServerStreamRequest(
      hang.path,
      hang.requestSerialize,
      hang.responseDeserialize,
      { text: '' },
      new Metadata(),
      {
        deadline: Date.now() + 300,
      },
    );
    const ending = new Promise<Ended>(resolve => late.on('status', resolve));
    late.on('error', () => {}).resume();
    const ended = await ending;
    assert.equal(ended.code, status.DEADLINE_EXCEEDED);
  });

  test('a cancelled call is cancelled at the server', async () => {
    const cancelledSoFar = async (): Promise<number> => Number((await call(unary, '')).ended.metadata.get('x-cancelled')[0]);
    const before = await cancelledSoFar();
    const stream = client.makeServerStreamRequest(
      hang.path,
      hang.requestSerialize,
      hang.responseDeserialize,
      { text: '' },
      new Metadata(),
    );
    stream.on('error', () => {});
    await once(stream, 'data');
    stream.cancel();
    await eventually(async () => assert.ok((await cancelledSoFar()) > before));
  });

  test('from one app to another, intercepted, and counted as gRPC', async () => {
    const run = await mesh.mesh('exec', '-T', 'client', 'node', '/app/client.mjs');
    assert.equal(run.code, 0, run.stderr);
    assert.deepEqual(JSON.parse(run.stdout), {
      head: ['a'],
      unary: 'hello',
      many: [1000, 0],
      fail: [status.NOT_FOUND, 'no such thing: ä%'],
    });
    const metrics = (await mesh.mesh('metrics')).stdout;
    assert.match(metrics, /istio_requests_total\{[^}]*request_protocol="grpc"[^}]*\}/);
    assert.match(metrics, /istio_requests_total\{[^}]*grpc_response_status="5"[^}]*\}/);
    const log = await mesh.mesh('logs', '--sidecar', 'client');
    assert.match(log.stdout, /"POST \/test\.Echo\/Unary HTTP\/2" 200 - via_upstream/);
  });
});

describe('other protocols', () => {
  test('WebSocket messages of any size come back as they were sent', async () => {
    const socket = new WebSocket(`ws://127.0.0.1:${mesh.gatewayPort}/`, { maxPayload: 2 ** 28 });
    await once(socket, 'open');
    for (const size of [0, 1, 126, 70_000, 20_000_000]) {
      const sent = randomBytes(size);
      const back = once(socket, 'message');
      socket.send(sent);
      const [data] = (await back) as [Buffer];
      assert.ok(sent.equals(data), `${size} bytes`);
    }
    socket.close(1000, 'done');
    const [code, reason] = (await once(socket, 'close')) as [number, Buffer];
    assert.deepEqual([code, reason.toString()], [1000, 'done']);
  });

  test('an event arrives while the answer goes on', async () => {
    const gone = new AbortController();
    const answer = await fetch(`http://127.0.0.1:${mesh.gatewayPort}/events`, { signal: gone.signal });
    const reader = answer.body?.getReader();
    const first = await reader?.read();
    assert.equal(Buffer.from(first?.value ?? []).toString(), 'data: first\n\n');
    gone.abort();
  });

  test('a server that speaks first is heard, and an end is passed on while the other side goes on', async () => {
    const socket = connect({ port: mesh.tcpPort, host: '127.0.0.1', allowHalfOpen: true });
    let heard = '';
    socket.on('data', data => {
      heard += data;
    });
    await eventually(() => assert.equal(heard, '220 ready\r\n'));
    socket.write('hello\r\n');
    await eventually(() => assert.match(heard, /you said hello/));
    socket.end();
    await once(socket, 'end');
    assert.match(heard, /bye\r\n$/);
  });
});
