import { MeshError } from '../api/mesh-error.ts';
import type { ProxyStatus } from '../api/types.ts';
import type { Clock } from '../async/clock.ts';
import type { RandomSource } from '../async/random.ts';
import { ControlError } from '../control/control-error.ts';
import { controlKeysIn } from '../control/control-key.ts';
import { ControlPlane, type ObservedWorkload } from '../control/control-plane.ts';
import type { PodView } from '../control/registry.ts';
import type { WorkloadStatus } from '../control/workload-status.ts';
import { serviceId } from '../identity/spiffe-id.ts';
import type { Authority } from '../pki/authority.ts';
import type { ObservedPod, Runtime } from '../runtime/runtime.ts';
import { sidecarEnv } from '../snapshot/channel.ts';
import type { Observed } from '../snapshot/observation.ts';
import type { Tapped } from '../snapshot/tap.ts';
import { lateText } from '../text/certificate-text.ts';
import { createCaLink } from './ca-link.ts';
import { noticeOf } from './control-notices.ts';
import type { ControlPort } from './control-port.ts';
import { Notices } from './notices.ts';

/** What the real control plane is made from. */
export interface ControlLinkParts {
  readonly authority: Authority;
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly runtime: Runtime;
  readonly version: string;
  /** Other roots are trusted from now on: their PEM, public. */
  readonly onRoots: (bundlePem: string) => Promise<void>;
}

/** Joins control plane and runtime, which do not know each other: pods become views, sidecars' logs give the keys to expect. */
export function createControlLink({ authority, clock, random, runtime, version, onRoots }: ControlLinkParts): ControlPort {
  let sidecars: ReadonlyMap<string, { readonly id: string; readonly startedAt: string }> = new Map();
  const lost = new Map<string, string>();
  const pushes = { acked: 0, nacked: 0 };
  let onObserved: (from: ObservedWorkload, message: Observed) => void = () => {};
  let onTapped: (from: ObservedWorkload, message: Tapped) => void = () => {};
  let ownMetrics = async (): Promise<string> => '';
  const plane = new ControlPlane({
    authority,
    clock,
    random: () => random.next(),
    daemonVersion: version,
    onObserved: (from, message) => onObserved(from, message),
    onTapped: (from, message) => onTapped(from, message),
    ownMetrics: () => ownMetrics(),
    readControlKeys: async workload => {
      const sidecar = sidecars.get(workload);
      return sidecar === undefined ? [] : controlKeysIn(await runtime.readSidecarLog(sidecar.id, sidecar.startedAt));
    },
  });
  plane.on(event => {
    if (event.kind === 'ack') pushes.acked++;
    if (event.kind === 'nack') pushes.nacked++;
    if (event.kind === 'connect') lost.delete(event.workload);
    if (event.kind === 'lost') lost.set(event.workload, event.reason);
    // Who reads them finds those of the next step at the next step; a full disk does not stop a change that is under way.
    if (event.kind === 'roots') void onRoots(authority.bundlePem).catch(() => undefined);
  });
  return {
    ca: createCaLink(authority, plane, clock),
    onNotice(listener) {
      const notices = new Notices(clock, listener);
      plane.on(event => {
        const notice = noticeOf(event);
        if (notice !== null) notices.take(notice);
      });
    },
    observe(observation, listener) {
      onObserved = listener;
      plane.observe(observation);
    },
    tap: orders => plane.tap(orders),
    onTapped(listener) {
      onTapped = listener;
    },
    offerMetrics(own) {
      ownMetrics = own;
    },
    setConfig: config => plane.setConfig(config),
    setLiveFaults: faults => plane.setLiveFaults(faults),
    setIssuerKeys: keys => plane.setIssuerKeys(keys),
    setPods(pods) {
      sidecars = new Map(pods.flatMap(({ workload, sidecar }) => (sidecar === null ? [] : [[workload, sidecar] as const])));
      plane.setPods(pods.map(podView));
    },
    whenReady: (workload, signal) => told(plane.whenReady(workload, signal)),
    whenAppListening: (workload, signal) => told(plane.whenAppListening(workload, 'any', signal)),
    async settled(signal) {
      const aborted = Promise.withResolvers<never>();
      const onAbort = (): void => aborted.reject(signal.reason);
      signal.addEventListener('abort', onAbort);
      try {
        return (await Promise.race([plane.settled(), aborted.promise])).acked.length;
      } finally {
        signal.removeEventListener('abort', onAbort);
      }
    },
    pushes: () => pushes,
    status: () =>
      new Map(plane.status().map(status => [status.workload, proxyStatus(status, lost.get(status.workload) ?? null)])),
    explain: (workload, request) => told(plane.sidecars.explain(workload, request)),
    snapshots: () => plane.snapshots(),
    judge: (workload, call) => told(plane.sidecars.judge(workload, call)),
    calls: workload => told(plane.sidecars.calls(workload)),
    query: (workload, what) => told(plane.sidecars.query(workload, what)),
    sidecarEnvironment: ({ workload, service, kind, namespace, account }) => ({
      [sidecarEnv.workload]: workload,
      [sidecarEnv.service]: service,
      [sidecarEnv.kind]: kind === 'gateway' ? 'gateway' : 'sidecar',
      [sidecarEnv.trustDomain]: authority.trustDomain,
      [sidecarEnv.identity]: serviceId(authority.trustDomain, namespace, account),
      [sidecarEnv.trustBundle]: Buffer.from(authority.anchor.pem).toString('base64'),
    }),
    async [Symbol.asyncDispose]() {
      plane.close();
    },
  };
}

/** What the control plane could not do is no bug: it is told to the user. */
async function told<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw error instanceof ControlError
      ? new MeshError(error.code, error.message, '`mesh proxy-status` shows every sidecar')
      : error;
  }
}

function podView(pod: ObservedPod): PodView {
  const { workload, service, version, address, controlPort, app, sidecar } = pod;
  const kind = pod.kind === 'gateway' ? 'gateway' : 'sidecar';
  const main = kind === 'gateway' ? sidecar : app;
  return {
    workload,
    service,
    version,
    kind,
    address,
    // A sidecar that does not run is not dialled: its port leads nowhere until it is back.
    controlPort: sidecar?.state === 'running' ? controlPort : null,
    app:
      main === null || main.state === 'created'
        ? 'absent'
        : main.state === 'running' || main.state === 'paused'
          ? 'running'
          : 'stopped',
    health: main?.health ?? 'none',
  };
}

function proxyStatus(status: WorkloadStatus, lost: string | null): ProxyStatus {
  const { sync, sent, acked, nack, listening, svidExpiresAtMs, svidLate, svidProblem } = status;
  const reasons = [
    nack === null ? lost : `refused ${nack.version.slice(0, 12)}: ${nack.reason}`,
    svidProblem === null ? null : `refused a certificate: ${svidProblem}`,
    svidLate === 0 ? null : `certificate: ${lateText(svidLate)}`,
  ];
  const reason = reasons.filter(each => each !== null).join('; ');
  return { state: sync, connected: sync !== 'DISCONNECTED', acked, sent, reason, listening, svidExpiresAtMs, svidLate };
}
