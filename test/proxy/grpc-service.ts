/** The test service of gRPC's interop tests with a server and a client of grpc-js; messages are JSON, so no .proto is needed. */
import {
  type Client,
  credentials,
  type Metadata,
  makeGenericClientConstructor,
  Server,
  ServerCredentials,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';

/** What requests ask for and answers give. */
export interface TestMessage {
  readonly size?: number;
  readonly sizes?: readonly number[];
  readonly delayMs?: number;
  readonly payload?: string;
  readonly status?: { readonly code: number; readonly details: string };
  readonly total?: number;
}

const serialize = (message: TestMessage): Buffer => Buffer.from(JSON.stringify(message));
const deserialize = (bytes: Buffer): TestMessage => JSON.parse(bytes.toString()) as TestMessage;

function method(name: string, requestStream: boolean, responseStream: boolean) {
  return {
    path: `/grpc.testing.TestService/${name}`,
    requestStream,
    responseStream,
    requestSerialize: serialize,
    requestDeserialize: deserialize,
    responseSerialize: serialize,
    responseDeserialize: deserialize,
  };
}

/** Its methods. */
export const testService: ServiceDefinition = {
  empty: method('EmptyCall', false, false),
  unary: method('UnaryCall', false, false),
  streamIn: method('StreamingInputCall', true, false),
  streamOut: method('StreamingOutputCall', false, true),
  duplex: method('FullDuplexCall', true, true),
  unimplemented: method('UnimplementedCall', false, false),
};

/** What the server was told besides answering. */
export interface ServerNotes {
  /** Calls that are over, cancelled or not. */
  ended: number;
  /** Time that each call had when it began, in ms. */
  readonly deadlines: (number | null)[];
}

interface Call {
  readonly request: TestMessage;
  readonly metadata: Metadata;
  readonly cancelled: boolean;
  sendMetadata(metadata: Metadata): void;
  write(message: TestMessage): boolean;
  end(metadata?: Metadata): void;
  getDeadline(): Date | number;
  emit(event: 'error', error: object): boolean;
  on(event: string, listener: (argument: TestMessage) => void): this;
}
type Callback = (error: object | null, message: TestMessage | null, trailer?: Metadata) => void;

/** Echoes `x-grpc-test-echo-initial` as metadata and `x-grpc-test-echo-trailing-bin` as trailer. */
function echoMetadata(call: Call): Metadata {
  const initial = call.metadata.get('x-grpc-test-echo-initial');
  const trailer = call.metadata.clone();
  for (const name of Object.keys(trailer.getMap())) if (name !== 'x-grpc-test-echo-trailing-bin') trailer.remove(name);
  const head = call.metadata.clone();
  for (const name of Object.keys(head.getMap())) if (name !== 'x-grpc-test-echo-initial') head.remove(name);
  if (initial.length > 0) call.sendMetadata(head);
  return trailer;
}

function implementation(notes: ServerNotes) {
  const watched = (call: Call): Call => {
    call.on('cancelled', () => notes.ended++);
    const deadline = call.getDeadline();
    notes.deadlines.push(deadline === Number.POSITIVE_INFINITY ? null : Number(deadline) - Date.now());
    return call;
  };
  const answer = (message: TestMessage): TestMessage => ({ payload: 'x'.repeat(message.size ?? 0) });
  return {
    empty: (call: Call, done: Callback) => {
      watched(call);
      done(null, {});
    },
    unary: (call: Call, done: Callback) => {
      watched(call);
      const trailer = echoMetadata(call);
      const { status } = call.request;
      if (status !== undefined) done(status, null, trailer);
      else done(null, answer(call.request), trailer);
    },
    streamIn: (call: Call, done: Callback) => {
      watched(call);
      let total = 0;
      call.on('data', message => {
        total += message.payload?.length ?? 0;
      });
      call.on('end', () => done(null, { total }));
    },
    streamOut: (call: Call) => {
      watched(call);
      for (const size of call.request.sizes ?? []) call.write(answer({ size }));
      if (call.request.delayMs === undefined) call.end();
    },
    duplex: (call: Call) => {
      watched(call);
      const trailer = echoMetadata(call);
      call.on('data', message => {
        if (message.status !== undefined) call.emit('error', { ...message.status, metadata: trailer });
        else if (message.delayMs === undefined) for (const size of message.sizes ?? []) call.write(answer({ size }));
      });
      call.on('end', () => call.end(trailer));
    },
  };
}

/** A server on a free port of loopback. */
export async function startGrpcServer(): Promise<{ readonly port: number; readonly notes: ServerNotes } & AsyncDisposable> {
  const server = new Server();
  const notes: ServerNotes = { ended: 0, deadlines: [] };
  const { unimplemented: _, ...implemented } = testService;
  server.addService(implemented, implementation(notes) as unknown as UntypedServiceImplementation);
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    ),
  );
  return {
    port,
    notes,
    async [Symbol.asyncDispose]() {
      server.forceShutdown();
    },
  };
}

/** A client whose methods are those of `testService`. */
export function grpcClient(port: number): Client {
  const TestClient = makeGenericClientConstructor(testService, 'TestService');
  return new TestClient(`127.0.0.1:${port}`, credentials.createInsecure(), { 'grpc.enable_retries': 0 }) as unknown as Client;
}
