/** A whole gateway on loopback, in front of an app. */
import assert from 'node:assert/strict';
import { createServer as createHttpServer } from 'node:http';
import type { Server } from 'node:net';
import type { GatewayListener, Snapshot } from '../../src/snapshot/snapshot.ts';
import { afterTest } from '../support/after-test.ts';
import { createTestCa, newKey } from '../support/test-ca.ts';
import { TestDaemon } from '../support/test-daemon.ts';
import { clusterTo, freePort, ruleTo } from './data-plane-harness.ts';
import { type StartedSidecar, snapshotOf, startOnLoopback } from './sidecar-fixture.ts';

/** The mesh's. */
export const ca = createTestCa(Date.now());

/** An app that says what it was asked. */
export const app = (): Server =>
  createHttpServer((asked, answer) => answer.end(JSON.stringify({ url: asked.url, ...asked.headers })));

/** A gateway that runs. */
export interface Gateway {
  readonly one: StartedSidecar;
  readonly daemon: TestDaemon;
  readonly port: number;
  readonly apply: (version: string, listener: Partial<GatewayListener>) => Promise<void>;
}

/** A gateway that leads to `appPort`, its TLS as given. */
export async function gatewayTo(
  appPort: number,
  listener: Partial<GatewayListener>,
  more: Partial<Snapshot> = {},
): Promise<Gateway> {
  const port = await freePort();
  const one = await startOnLoopback('web', ca, () => null, { kind: 'gateway' });
  afterTest(() => one.sidecar.drain(0));
  const daemon = await TestDaemon.dial(one.sidecar.ports.control, ca);
  afterTest(() => daemon[Symbol.dispose]());
  const snapshot = (version: string, parts: Partial<GatewayListener>): Snapshot =>
    snapshotOf('web', {
      version,
      kind: 'gateway',
      accessLog: 'json',
      gateway: [{ name: 'web', port, protocol: 'http', routeTable: 'web', tcp: [{ cluster: 'app', weight: 1 }], ...parts }],
      routeTables: [{ name: 'web', virtualHosts: [{ name: '*', domains: ['*'], rules: [ruleTo('app')] }] }],
      clusters: [clusterTo('app', [appPort])],
      ...more,
    });
  const apply = async (version: string, parts: Partial<GatewayListener>): Promise<void> => {
    assert.deepEqual(await daemon.push(snapshot(version, parts)), { kind: 'ack', version });
  };
  await apply('1', listener);
  return { one, daemon, port, apply };
}

/** Sends a certificate for some names. */
export function send(daemon: TestDaemon, name: string, names: readonly string[]): string {
  const key = newKey();
  const chainPem = ca.issue(key, null, { names: names.map(value => ({ type: 'dns', value })) });
  const keyPem = key.export({ type: 'pkcs8', format: 'pem' }) as string;
  daemon.send({ kind: 'certificate', name, chainPem, keyPem });
  return keyPem;
}
