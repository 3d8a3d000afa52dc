/** An inbound port whose rule asks an authorizer, over real sockets. */
import type { IncomingMessage, RequestListener } from 'node:http';
import type { AccessRule, ExternalAuthorizer } from '../../../src/snapshot/access-policy.ts';
import type { Snapshot } from '../../../src/snapshot/snapshot.ts';
import { type Backend, readAll, startHttp } from '../backend.ts';
import { clusterTo, type Harness, inboundSnapshot, startPlane } from '../data-plane-harness.ts';

/** A request as a server saw it. */
export interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly bytes: number;
}

export interface AuthorizerStage extends AsyncDisposable {
  readonly plane: Harness;
  readonly app: Backend;
  /** What the app got. */
  readonly calls: Seen[];
  apply(authorizer: Partial<ExternalAuthorizer>, rules?: readonly AccessRule[]): void;
}

export const asks: AccessRule = { name: 'ask', action: 'custom', authorizer: 'opa', conditions: [] };

const opa: ExternalAuthorizer = {
  name: 'opa',
  cluster: 'opa',
  host: '',
  pathPrefix: '',
  timeoutMs: 2_000,
  failOpen: false,
  statusOnError: 403,
  sends: [],
  addsToRequest: [],
  addsToAnswer: [],
};

/** `ports`: where the authorizer is. */
export async function startStage(
  ports: readonly number[],
  authorizer: Partial<ExternalAuthorizer> = {},
  rules: readonly AccessRule[] = [asks],
): Promise<AuthorizerStage> {
  const calls: Seen[] = [];
  const app = await startHttp(recording(calls, (_req, res) => void res.end('app')));
  let version = 0;
  const snapshot = (config: Partial<ExternalAuthorizer>, policy: readonly AccessRule[]): Snapshot => ({
    ...inboundSnapshot(app.port, { access: { default: 'allow', rules: policy }, appProtocol: 'http1' }),
    version: String(++version),
    accessLog: 'json',
    edges: ['spiffe://test.local/ns/default/sa/storefront'],
    clusters: [clusterTo('opa', ports)],
    authorizers: [{ ...opa, ...config }],
  });
  const plane = await startPlane('inbound', snapshot(authorizer, rules), {
    localPort: app.port,
    peer: { spiffeId: 'spiffe://test.local/ns/default/sa/storefront', certificateHash: 'ab12' },
  });
  return {
    plane,
    app,
    calls,
    apply: (config, policy = [asks]) => plane.plane.apply(snapshot(config, policy)),
    async [Symbol.asyncDispose]() {
      await plane[Symbol.asyncDispose]();
      await app[Symbol.asyncDispose]();
    },
  };
}

/** Notes each request with the length of its body, then answers. */
export function recording(calls: Seen[], answer: RequestListener): RequestListener {
  return (req, res) =>
    void readAll(req).then(body => {
      calls.push({ method: req.method ?? '', url: req.url ?? '', headers: req.headers, bytes: body.length });
      answer(req, res);
    });
}

/** The last line of the access log. */
export function lastEntry({ accessLog }: Harness): Record<string, unknown> {
  return JSON.parse(accessLog.at(-1) ?? '{}') as Record<string, unknown>;
}
