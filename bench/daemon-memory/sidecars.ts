/** The sidecars' ends of the control channels, with real counters behind them: what they tell, spell and answer is what sidecars do. */
import { randomBytes } from 'node:crypto';
import { Signals } from '../../src/proxy/observe/signals.ts';
import { sidecarEnv } from '../../src/snapshot/channel.ts';
import type { SpanFacts } from '../../src/snapshot/observation.ts';
import { packed } from '../../src/snapshot/packed-span.ts';
import { type Edge, MeshMetrics } from '../../src/telemetry/mesh-metrics.ts';
import { packExposition } from '../../src/telemetry/packed-exposition.ts';
import { StandInSidecar } from '../../test/support/stand-in-sidecar.ts';

const trustDomain = (environment: ReadonlyMap<string, string>): string => environment.get(sidecarEnv.trustDomain) ?? '';

/** One of them. */
export class BenchSidecar {
  readonly sidecar: StandInSidecar;
  readonly #metrics: MeshMetrics;
  readonly #signals: Signals;
  readonly #edges: readonly Edge[];
  readonly #service: string;

  private constructor(sidecar: StandInSidecar, metrics: MeshMetrics, edges: readonly Edge[], service: string) {
    this.sidecar = sidecar;
    this.#metrics = metrics;
    this.#edges = edges;
    this.#service = service;
    this.#signals = new Signals(metrics, () => new Map());
  }

  /** Calls the `fan` services after its own in a ring of `services`, and is called by as many. */
  static async start(environment: ReadonlyMap<string, string>, services: number, fan: number): Promise<BenchSidecar> {
    const service = environment.get(sidecarEnv.service) ?? '';
    const own = Number(service.slice(1));
    const name = (n: number): string => `s${(n + services) % services}`;
    const calls = Array.from({ length: fan }, (_, i) => edge('source', service, name(own + i + 1), trustDomain(environment)));
    const called = Array.from({ length: fan }, (_, i) =>
      edge('destination', name(own - i - 1), service, trustDomain(environment)),
    );
    const metrics = new MeshMetrics();
    const sidecar = await StandInSidecar.start({
      workload: environment.get(sidecarEnv.workload) ?? '',
      trustDomain: trustDomain(environment),
      bundlePem: Buffer.from(environment.get(sidecarEnv.trustBundle) ?? '', 'base64').toString(),
      askFor: service,
      answer: what => (what === 'exposition' ? packExposition(metrics.text()) : null),
    });
    return new BenchSidecar(sidecar, metrics, [...calls, ...called], service);
  }

  /** Series that it shows. */
  get series(): number {
    return this.#metrics
      .text()
      .split('\n')
      .filter(line => line !== '' && !line.startsWith('#')).length;
  }

  /** A second's traffic on every edge, told as a sidecar tells it. */
  second(requests: number, spans: number, nowMs: number): void {
    const facts = { status: 200, flag: '-', grpcStatus: null, bytesReceived: 120, bytesSent: 1024, messages: null } as const;
    for (const each of this.#edges) {
      const counted = this.#metrics.requests(each);
      for (let i = 0; i < requests; i++) {
        counted.count(facts, 1 + Math.random() * 40);
        counted.tally.count({ ...facts, details: 'via_upstream' }, `${each.destinationService}/default`);
      }
    }
    this.#signals.take(edges => {
      this.sidecar.send({ kind: 'signals', edges });
      return true;
    });
    const told = Array.from({ length: spans }, () => span(this.#service, nowMs));
    this.sidecar.send(packed({ kind: 'spans', dropped: 0, spans: told }) as Parameters<StandInSidecar['send']>[0]);
  }
}

function edge(reporter: Edge['reporter'], from: string, to: string, domain: string): Edge {
  return {
    reporter,
    sourceWorkload: `${from}-v1`,
    sourceNamespace: 'default',
    sourceApp: from,
    sourceVersion: 'v1',
    sourcePrincipal: `spiffe://${domain}/ns/default/sa/${from}`,
    sourceCluster: 'bench',
    destinationWorkload: `${to}-v1`,
    destinationNamespace: 'default',
    destinationService: to,
    destinationVersion: 'v1',
    destinationPrincipal: `spiffe://${domain}/ns/default/sa/${to}`,
    destinationCluster: 'bench',
    security: reporter === 'source' ? 'unknown' : 'mutual_tls',
  };
}

function span(service: string, nowMs: number): SpanFacts {
  const id = randomBytes(24).toString('hex');
  return {
    traceId: id.slice(0, 32),
    spanId: id.slice(32),
    parentId: null,
    side: 'client',
    startMs: nowMs,
    durationMs: 12.5,
    requestId: `${id.slice(0, 8)}-0000-4000-8000-${id.slice(8, 20)}`,
    method: 'GET',
    target: `/reviews/${id.slice(0, 6)}?page=1&size=20`,
    path: '/reviews/{*}',
    authority: 'reviews:9080',
    protocol: 'HTTP/1.1',
    status: 200,
    grpcStatus: null,
    flag: '-',
    details: 'via_upstream',
    userAgent: 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36',
    bytesReceived: 0,
    bytesSent: 1024,
    rule: 'reviews/default',
    to: 'reviews',
    peer: `${service}-v1-1`,
    peerAddress: '172.30.0.7:9080',
    attempts: 1,
    retries: [],
    delayMs: 0,
    lost: null,
  };
}
