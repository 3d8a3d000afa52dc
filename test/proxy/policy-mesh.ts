/** A caller's data plane, those of the replicas that it calls, and real apps behind them. */
import assert from 'node:assert/strict';
import type { RouteRule } from '../../src/snapshot/route-rule.ts';
import type { Cluster, Snapshot } from '../../src/snapshot/snapshot.ts';
import { type ManualClock, manualClock } from '../support/manual-clock.ts';
import { bodyOf, exchangeRaw, get, startHttp, statusOf } from './backend.ts';
import { clusterTo, type Harness, inboundSnapshot, outboundSnapshot, ruleTo, startPlane } from './data-plane-harness.ts';

/** A replica: an app that tells its name, with a sidecar before it. */
export interface Replica {
  readonly port: number;
  status: number;
  readonly asked: string[];
}

export async function startReplica(name: string, stack: AsyncDisposableStack): Promise<Replica> {
  const asked: string[] = [];
  const replica = { port: 0, status: 200, asked };
  const app = stack.use(
    await startHttp((request, response) => {
      asked.push(request.url ?? '');
      response.writeHead(replica.status).end(name);
    }),
  );
  const sidecar = stack.use(await startPlane('inbound', inboundSnapshot(app.port), { localPort: app.port }));
  replica.port = sidecar.port;
  return replica;
}

/** A caller and the replicas that it calls. */
export interface Mesh {
  readonly clock: ManualClock;
  readonly replicas: readonly Replica[];
  readonly caller: Harness;
  /** Applies another policy for the replicas that there are, or for the first of them. */
  reload(policy: Partial<Cluster>, count?: number): void;
  /** Bodies, or statuses where they are not 200. */
  ask(times: number, ...lines: readonly string[]): Promise<string[]>;
}

export async function startMesh(
  count: number,
  policy: Partial<Cluster>,
  stack: AsyncDisposableStack,
  rule: Partial<RouteRule> = {},
): Promise<Mesh> {
  const clock = manualClock();
  const replicas: Replica[] = [];
  for (let i = 1; i <= count; i++) replicas.push(await startReplica(`r${i}`, stack));
  const snapshot = (more: Partial<Cluster>, used = count): Snapshot =>
    outboundSnapshot([clusterTo('app', replicas.map(({ port }) => port).slice(0, used), more)], [ruleTo('app', rule)], {
      accessLog: 'json',
    });
  const caller = stack.use(await startPlane('outbound', snapshot(policy), { clock }));
  return {
    clock,
    replicas,
    caller,
    reload: (more, used) => caller.plane.apply({ ...snapshot(more, used), version: `${Math.random()}` }),
    async ask(times, ...lines) {
      const got: string[] = [];
      for (let i = 0; i < times; i++) {
        const answer = await exchangeRaw(caller.port, get('/', ...lines));
        got.push(statusOf(answer) === 200 ? bodyOf(answer).trim() : String(statusOf(answer)));
      }
      return got;
    },
  };
}

/** A counter of the only cluster that has one. */
export function metric({ plane }: Harness, name: string): number {
  const value = new RegExp(`^${name}\\{[^}]*\\} (\\d+)$`, 'm').exec(plane.metrics())?.[1];
  assert.ok(value !== undefined, `no ${name}`);
  return Number(value);
}

/** Which replicas told their names, or which statuses came instead. */
export const only = (got: readonly string[]): string[] =>
  [...new Set(got.map(body => body.replaceAll(/^.*\b(r\d)\b.*$/gs, '$1')))].sort();
