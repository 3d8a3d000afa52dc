/** storefront calls reviews: the real control plane, two real sidecars on loopback. Ends with the test. */
import assert from 'node:assert/strict';
import type { Server } from 'node:net';
import { systemClock } from '../../src/async/clock.ts';
import type { MeshConfig } from '../../src/config/mesh-config.ts';
import { controlKeysIn } from '../../src/control/control-key.ts';
import { ControlPlane, type ControlPlaneOptions } from '../../src/control/control-plane.ts';
import type { Authority } from '../../src/pki/authority.ts';
import { pod } from '../control/mesh-builder.ts';
import { freePort } from '../proxy/data-plane-harness.ts';
import { type StartedSidecar, startOnLoopback } from '../proxy/sidecar-fixture.ts';
import { afterTest } from '../support/after-test.ts';

/** The app's address in the pod; that of the pod is 127.0.0.1. */
const appAddress = '127.0.0.2';

/** See the file's head. */
export interface CalledPair {
  readonly control: ControlPlane;
  /** Where the caller's app dials. */
  readonly port: number;
  /** Of the app that is called. */
  readonly appPort: number;
  /** Resolves when every sidecar has taken the configuration, to the last step. */
  use(config: MeshConfig): Promise<void>;
  /** What a sidecar has printed, the access log among it. */
  printed(workload: string): readonly string[];
}

/** Starts both. `app` is that of reviews; `config` gets the port that it listens on; `onObserved` hears what the control plane asks sidecars to tell. */
export async function startPair(
  app: Server,
  authority: Authority,
  config: (appPort: number) => MeshConfig | Promise<MeshConfig>,
  onObserved: ControlPlaneOptions['onObserved'] = () => {},
): Promise<CalledPair> {
  const appPort = await freePort();
  app.listen(appPort, appAddress);
  afterTest(() => app.close());
  const sidecars = new Map<string, StartedSidecar>();
  const control = new ControlPlane({
    authority,
    clock: systemClock,
    random: Math.random,
    daemonVersion: 'test',
    readControlKeys: async workload => controlKeysIn(sidecars.get(workload)?.lines.join('\n') ?? ''),
    onObserved,
  });
  afterTest(() => control.close());
  const launch = async (service: string, to: () => string, ports = {}): Promise<StartedSidecar> => {
    const options = { appAddress, ports, listening: [appPort] };
    const one = await startOnLoopback(service, authority, () => ({ address: to(), port: appPort }), options);
    afterTest(() => one.sidecar.drain(0));
    sidecars.set(`${service}-1`, one);
    return one;
  };
  const server = await launch('reviews', () => '127.0.0.1', { inbound: appPort });
  const client = await launch('storefront', () => control.snapshot('storefront-1')?.outbound[0]?.address ?? '');
  const at = (one: StartedSidecar) => ({ address: '127.0.0.1', controlPort: one.sidecar.ports.control });
  const pods = [pod('reviews', '', 2, at(server)), pod('storefront', '', 3, at(client))];
  control.setConfig(await config(appPort));
  control.setPods(pods);
  await Promise.all(pods.map(({ workload }) => control.whenReady(workload, AbortSignal.timeout(15_000))));
  await control.whenAppListening('reviews-1', appPort, AbortSignal.timeout(15_000));
  await control.settled();
  return {
    control,
    port: client.sidecar.ports.outbound,
    appPort,
    async use(next) {
      control.setConfig(next);
      assert.deepEqual((await control.settled()).nacked, []);
    },
    printed: workload => sidecars.get(workload)?.lines ?? [],
  };
}
