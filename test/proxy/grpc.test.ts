/** gRPC's interop cases through two sidecars: grpc-js → outbound plane → inbound plane → grpc-js. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type Client, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { eventually } from '../support/eventually.ts';
import {
  clusterTo,
  freePort,
  type Harness,
  inboundSnapshot,
  outboundSnapshot,
  ruleTo,
  startPlane,
} from './data-plane-harness.ts';
import { grpcClient, startGrpcServer, type TestMessage, type testService } from './grpc-service.ts';

let server: Awaited<ReturnType<typeof startGrpcServer>>;
let inbound: Harness;
let outbound: Harness;
let client: Client;

before(async () => {
  server = await startGrpcServer();
  inbound = await startPlane('inbound', { ...inboundSnapshot(server.port), accessLog: 'text' }, { localPort: server.port });
  const snapshot = outboundSnapshot([clusterTo('test', [inbound.port])], [ruleTo('test')], { accessLog: 'json' });
  outbound = await startPlane('outbound', snapshot);
  client = grpcClient(outbound.port);
});

after(async () => {
  client.close();
  await outbound[Symbol.asyncDispose]();
  await inbound[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

interface UnaryResult {
  readonly error: ServiceError | null;
  readonly message: TestMessage | undefined;
  readonly initial: Metadata | null;
  readonly trailer: Metadata | null;
}

type Unary = (
  message: TestMessage,
  metadata: Metadata,
  options: object,
  done: (error: ServiceError | null, m?: TestMessage) => void,
) => UnaryCall;
interface UnaryCall {
  cancel(): void;
  on(event: 'metadata', listener: (metadata: Metadata) => void): this;
  on(event: 'status', listener: (status: { metadata: Metadata }) => void): this;
}

interface Stream {
  write(message: TestMessage): boolean;
  end(): void;
  cancel(): void;
  on(event: 'data', listener: (message: TestMessage) => void): this;
  on(event: 'error', listener: (error: ServiceError) => void): this;
  on(event: 'end', listener: () => void): this;
  on(event: 'metadata', listener: (metadata: Metadata) => void): this;
  on(event: 'status', listener: (status: { code: number; details: string; metadata: Metadata }) => void): this;
}

/** grpc-js puts the methods on the client by name, where the types do not see them. */
function methods(of: Client): Readonly<Record<string, (...args: unknown[]) => unknown>> {
  return of as unknown as Readonly<Record<string, (...args: unknown[]) => unknown>>;
}

function unary(
  name: keyof typeof testService,
  message: TestMessage,
  metadata = new Metadata(),
  options: object = {},
  of = client,
): Promise<UnaryResult> {
  return new Promise(resolve => {
    let initial: Metadata | null = null;
    let result: { error: ServiceError | null; message: TestMessage | undefined } | null = null;
    let trailer: Metadata | null = null;
    const done = (): void => {
      if (result !== null && trailer !== null) resolve({ ...result, initial, trailer });
    };
    const call = (methods(of)[name] as unknown as Unary).call(of, message, metadata, options, (error, answer) => {
      result = { error, message: answer };
      done();
    });
    call.on('metadata', m => {
      initial = m;
    });
    call.on('status', s => {
      trailer = s.metadata;
      done();
    });
  });
}

function stream(name: keyof typeof testService, ...args: unknown[]): Stream {
  return methods(client)[name]?.call(client, ...args) as Stream;
}

function ended(call: Stream): Promise<{ code: number; details: string; metadata: Metadata }> {
  call.on('error', () => {});
  return new Promise(resolve => call.on('status', resolve));
}

const sizes = [31_415, 9, 2_653, 58_979];

describe('interop', () => {
  test('empty_unary', async () => {
    const { error, message } = await unary('empty', {});
    assert.equal(error, null);
    assert.deepEqual(message, {});
  });

  test('large_unary', async () => {
    const { error, message } = await unary('unary', { size: 314_159, payload: 'p'.repeat(271_828) });
    assert.equal(error, null);
    assert.equal(message?.payload?.length, 314_159);
  });

  test('client_streaming', async () => {
    const result = await new Promise<TestMessage | undefined>((resolve, reject) => {
      const call = stream('streamIn', (error: ServiceError | null, message?: TestMessage) =>
        error === null ? resolve(message) : reject(error),
      );
      for (const size of [27_182, 8, 1_828, 45_904]) call.write({ payload: 'p'.repeat(size) });
      call.end();
    });
    assert.deepEqual(result, { total: 74_922 });
  });

  test('server_streaming', async () => {
    const call = stream('streamOut', { sizes });
    const got: number[] = [];
    call.on('data', message => got.push(message.payload?.length ?? -1));
    assert.equal((await ended(call)).code, status.OK);
    assert.deepEqual(got, sizes);
  });

  test('ping_pong', async () => {
    const call = stream('duplex');
    const got: number[] = [];
    const asks = [...sizes];
    const next = (): void => {
      const size = asks.shift();
      if (size === undefined) call.end();
      else call.write({ sizes: [size], payload: 'p'.repeat(27_182) });
    };
    call.on('data', message => {
      got.push(message.payload?.length ?? -1);
      next();
    });
    const end = ended(call);
    next();
    assert.equal((await end).code, status.OK);
    assert.deepEqual(got, sizes);
  });

  test('empty_stream', async () => {
    const call = stream('duplex');
    call.on('data', () => assert.fail('nothing was asked for'));
    call.end();
    assert.equal((await ended(call)).code, status.OK);
  });

  test('cancel_after_begin', async () => {
    const { ended: before, deadlines } = server.notes;
    const begun = deadlines.length;
    const call = stream('streamIn', () => {});
    const end = ended(call);
    call.write({ payload: 'x' });
    await eventually(() => assert.equal(deadlines.length, begun + 1));
    call.cancel();
    assert.equal((await end).code, status.CANCELLED);
    await eventually(() => assert.equal(server.notes.ended, before + 1));
  });

  test('cancel_after_first_response', async () => {
    const before = server.notes.ended;
    const call = stream('duplex');
    const end = ended(call);
    call.on('data', () => call.cancel());
    call.write({ sizes: [31_415], payload: 'x' });
    assert.equal((await end).code, status.CANCELLED);
    await eventually(() => assert.equal(server.notes.ended, before + 1));
  });

  test('timeout_on_sleeping_server', async () => {
    const call = stream('duplex', new Metadata(), { deadline: Date.now() + 200 });
    const end = ended(call);
    call.write({ payload: 'x', delayMs: 1 });
    assert.equal((await end).code, status.DEADLINE_EXCEEDED);
  });

  test('the deadline reaches the server', async () => {
    await unary('empty', {}, new Metadata(), { deadline: Date.now() + 60_000 });
    const left = server.notes.deadlines.at(-1) ?? 0;
    assert.ok(left > 30_000 && left <= 60_000, `${left}`);
  });

  test('custom_metadata', async () => {
    const metadata = new Metadata();
    metadata.set('x-grpc-test-echo-initial', 'test_initial_metadata_value');
    metadata.set('x-grpc-test-echo-trailing-bin', Buffer.from([0xab, 0xab, 0xab]));
    const { error, initial, trailer } = await unary('unary', { size: 1 }, metadata);
    assert.equal(error, null);
    assert.deepEqual(initial?.get('x-grpc-test-echo-initial'), ['test_initial_metadata_value']);
    assert.deepEqual(trailer?.get('x-grpc-test-echo-trailing-bin'), [Buffer.from([0xab, 0xab, 0xab])]);
    const call = stream('duplex', metadata);
    const streamed = new Promise<Metadata>(resolve => call.on('metadata', resolve));
    call.on('data', () => {});
    const end = ended(call);
    call.write({ sizes: [1] });
    call.end();
    assert.deepEqual((await streamed).get('x-grpc-test-echo-initial'), ['test_initial_metadata_value']);
    assert.deepEqual((await end).metadata.get('x-grpc-test-echo-trailing-bin'), [Buffer.from([0xab, 0xab, 0xab])]);
  });

  test('status_code_and_message', async () => {
    const wanted = { code: status.UNKNOWN, details: 'test status message' };
    const { error } = await unary('unary', { status: wanted });
    assert.deepEqual({ code: error?.code, details: error?.details }, wanted);
    const call = stream('duplex');
    call.on('data', () => {});
    const end = ended(call);
    call.write({ status: wanted });
    call.end();
    const { code, details } = await end;
    assert.deepEqual({ code, details }, wanted);
  });

  test('special_status_message', async () => {
    const details = '\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n';
    const { error } = await unary('unary', { status: { code: status.UNKNOWN, details } });
    assert.equal(error?.details, details);
  });

  test('unimplemented_method', async () => {
    const { error } = await unary('unimplemented', {});
    assert.equal(error?.code, status.UNIMPLEMENTED);
  });
});

test('a stream of 20 MB each way keeps its order and its bounds', async () => {
  const call = stream('duplex');
  let bytes = 0;
  call.on('data', message => {
    bytes += message.payload?.length ?? 0;
  });
  const end = ended(call);
  for (let i = 0; i < 200; i++) call.write({ sizes: [100_000], payload: 'p'.repeat(100_000) });
  call.end();
  assert.equal((await end).code, status.OK);
  assert.equal(bytes, 20_000_000);
});

test('one hundred calls at once share the connections', async () => {
  const results = await Promise.all(Array.from({ length: 300 }, (_, i) => unary('unary', { size: i })));
  assert.deepEqual(
    results.map(({ message }) => message?.payload?.length),
    results.map((_, i) => i),
  );
});

describe('answers of the sidecar itself', () => {
  test('nobody there: UNAVAILABLE, as an answer of trailers alone', async () => {
    const snapshot = outboundSnapshot([clusterTo('gone', [await freePort()])], [ruleTo('gone')]);
    await using plane = await startPlane('outbound', snapshot);
    const other = grpcClient(plane.port);
    const { error } = await unary('empty', {}, new Metadata(), {}, other);
    assert.equal(error?.code, status.UNAVAILABLE);
    other.close();
  });

  test('a denied caller: PERMISSION_DENIED', async () => {
    await using plane = await startPlane('inbound', inboundSnapshot(server.port, { access: { rules: [] } as never }), {
      localPort: server.port,
    });
    const other = grpcClient(plane.port);
    const { error } = await unary('empty', {}, new Metadata(), {}, other);
    assert.equal(error?.code, status.PERMISSION_DENIED);
    other.close();
  });
});

test('the access log and the metrics name the protocol and the status', async () => {
  await unary('unary', { status: { code: status.NOT_FOUND, details: 'x' } });
  await eventually(() => {
    assert.ok(outbound.accessLog.some(line => (JSON.parse(line) as { protocol: string }).protocol === 'HTTP/2'));
    assert.ok(inbound.accessLog.some(line => line.includes('/grpc.testing.TestService/UnaryCall HTTP/2')));
  });
  const lines = outbound.plane
    .metrics()
    .split('\n')
    .filter(line => line.startsWith('istio_requests_total'));
  assert.ok(
    lines.some(line => line.includes('request_protocol="grpc"') && line.includes('grpc_response_status="5"')),
    lines.join('\n'),
  );
  assert.deepEqual([...outbound.bugs, ...inbound.bugs], []);
});
