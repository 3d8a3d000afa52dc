import { type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';
import type { AccessCheckDocument, AccessMatrixDocument, SeenCallsDocument } from './access.ts';
import type { CaDocument, PersonCertificate, RotationStep } from './ca.ts';
import type { DashboardDocument } from './dashboard.ts';
import type { FaultStatus, FaultsDocument } from './fault.ts';
import { MeshError } from './mesh-error.ts';
import { type TapLine, tapQuery } from './tap.ts';
import { trafficClient } from './traffic-client.ts';
import type {
  ConfigDocument,
  ErrorDocument,
  ExplanationDocument,
  MeshApi,
  MeshEvent,
  PlanDocument,
  ProxyQuery,
  ReloadResult,
  StatusDocument,
} from './types.ts';

/** A daemon answers a ping at once, however long its other work takes. */
const silenceMs = 10_000;

/**
 * The daemon's API over its unix socket. `limitMs`: how long it may be silent before it starts to answer a ping.
 * @throws MeshError `no-daemon` where nobody listens, `daemon-silent` where somebody does and says nothing
 */
export function connectApi(socket: string, limitMs = silenceMs): MeshApi {
  const call: Call = async (...all) => {
    // Whatever it answers: a daemon of another version may not know the path.
    (await send(socket, limitMs, 'GET', '/v1/ping')).resume();
    const response = await send(socket, 0, ...all);
    if ((response.statusCode ?? 500) < 400) return response;
    throw remote(parse(await collect(response)));
  };
  const get = async <T>(path: string): Promise<T> => parse(await collect(await call('GET', path)));
  const post = async <T>(path: string, body: unknown): Promise<T> => parse(await collect(await call('POST', path, body)));
  return {
    status: () => get<StatusDocument>('/v1/status'),
    plan: () => get<PlanDocument>('/v1/plan'),
    config: () => get<ConfigDocument>('/v1/config'),
    query: (workload: string, what: ProxyQuery) => get(`/v1/proxy?workload=${encodeURIComponent(workload)}&what=${what}`),
    reload: () => post<ReloadResult>('/v1/reload', {}),
    async stop(options) {
      await post('/v1/stop', options);
    },
    events: (after, signal, follow = true) => stream<MeshEvent>(call, `/v1/events?after=${after}&follow=${follow}`, signal),
    async down(options, onLine) {
      const response = await call('POST', '/v1/down', options);
      let ended = false;
      for await (const line of linesOf(response)) {
        const message = parse<ErrorDocument | { kind: 'line'; text: string } | { kind: 'end' }>(line);
        if (message.kind === 'line') onLine(message.text);
        if (message.kind === 'Error') throw remote(message);
        ended = message.kind === 'end';
      }
      if (!ended) throw new MeshError('daemon-gone', 'the daemon went away while it removed the mesh', 'run `mesh down` again');
    },
    explain: (from, request) => post<ExplanationDocument>('/v1/explain', { from, ...request }),
    accessMatrix: () => get<AccessMatrixDocument>('/v1/access'),
    seenCalls: (forMs, signal) => stream<SeenCallsDocument>(call, `/v1/access/calls?forMs=${forMs}`, signal),
    checkAccess: (from, request) => post<AccessCheckDocument>('/v1/access/check', { from, ...request }),
    traffic: trafficClient(get, (path, signal) => stream(call, path, signal)),
    tap: (request, signal) => stream<TapLine>(call, `/v1/tap?${tapQuery(request)}`, signal),
    openDashboard: port => post<DashboardDocument>('/v1/dashboard', { port }),
    ca: () => get<CaDocument>('/v1/ca'),
    rotateCa: signal => stream<RotationStep>(call, '/v1/ca/rotate', signal, 'POST'),
    issuePerson: request => post<PersonCertificate>('/v1/ca/issue', request),
    faults: {
      list: () => get<FaultsDocument>('/v1/faults'),
      add: request => post<FaultStatus>('/v1/faults', request),
      remove: ids => post<FaultsDocument>('/v1/faults/remove', { ids }),
    },
    async *metrics() {
      yield* (await call('GET', '/metrics')).setEncoding('utf8') as AsyncIterable<string>;
    },
  };
}

/** Whether somebody accepts connections on the socket; a stopped or busy daemon counts as alive. */
export async function isAlive(socket: string): Promise<boolean> {
  return new Promise(resolve => {
    const probe = connect(socket);
    probe.on('connect', () => resolve(true));
    probe.on('error', error => resolve(!isGone(error)));
    probe.on('connect', () => probe.destroy());
  });
}

type Call = (method: string, path: string, body?: unknown, signal?: AbortSignal) => Promise<IncomingMessage>;

/** `limitMs`: 0 waits for ever. */
function send(socket: string, limitMs: number, ...[method, path, body, signal]: Parameters<Call>): Promise<IncomingMessage> {
  return new Promise<IncomingMessage>((resolve, reject) => {
    const outgoing = request(
      { socketPath: socket, method, path, agent: false, timeout: limitMs, ...(signal ? { signal } : {}) },
      resolve,
    );
    outgoing.on('timeout', () =>
      outgoing.destroy(
        new MeshError(
          'daemon-silent',
          `the daemon on ${socket} does not answer`,
          'it may be stopped or stuck: see `ps`, wake it with kill -CONT or end it with kill -9; the mesh itself runs on',
        ),
      ),
    );
    outgoing.on('error', error =>
      reject(
        isGone(error)
          ? new MeshError('no-daemon', `no mesh runs here (nobody listens on ${socket})`, 'start it with `mesh up`')
          : error,
      ),
    );
    outgoing.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

/** One document a line, until the signal. The end of the daemon ends it too; who follows events sees that from the last phase. */
async function* stream<T>(
  call: Call,
  path: string,
  signal: AbortSignal,
  method: 'GET' | 'POST' = 'GET',
): AsyncGenerator<T, void, void> {
  const response = await call(method, path, method === 'GET' ? undefined : {}, signal);
  try {
    for await (const line of linesOf(response)) {
      const document = parse<T | ErrorDocument>(line);
      if (isError(document)) throw remote(document);
      yield document;
    }
  } catch (error) {
    if (!signal.aborted && !isGone(error)) throw error;
  }
}

/** The last word of a stream that failed. */
function isError(document: unknown): document is ErrorDocument {
  return typeof document === 'object' && document !== null && 'kind' in document && document.kind === 'Error';
}

function isGone(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : '';
  return code === 'ENOENT' || code === 'ECONNREFUSED' || code === 'ECONNRESET' || code === 'ENOTSOCK';
}

function remote(error: ErrorDocument): MeshError {
  return new MeshError(error.code, error.message, error.hint);
}

/** Lines of a stream of JSON values. */
async function* linesOf(response: IncomingMessage): AsyncGenerator<string, void, void> {
  response.setEncoding('utf8');
  let rest = '';
  for await (const chunk of response) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
  if (rest !== '') yield rest;
}

async function collect(response: IncomingMessage): Promise<string> {
  response.setEncoding('utf8');
  let text = '';
  for await (const chunk of response) text += chunk;
  return text;
}

/** Both ends are one program of one version; the shape is checked by the compiler, not again at run time. */
function parse<T>(text: string): T {
  return JSON.parse(text) as T;
}
