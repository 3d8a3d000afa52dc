import type { ContainerStatus, GatewayStatus, ProxyStatus, WorkloadStatus } from '../api/types.ts';
import type { MeshConfig } from '../config/mesh-config.ts';
import type { ObservedContainer, ObservedPod } from '../runtime/runtime.ts';

/** An observed pod as the API shows it; `ports` are those of its service (see `awaitedPorts`). */
export function workloadStatus(pod: ObservedPod, proxy: ProxyStatus | null, ports: readonly number[]): WorkloadStatus {
  const { workload, service, version, kind, replica, address } = pod;
  return {
    name: workload,
    service,
    version,
    kind,
    replica,
    address,
    app: container(pod.app),
    sidecar: container(pod.sidecar),
    pause: container(pod.pause),
    ports,
    proxy,
  };
}

/** Ports that somebody wrote down for a service: one that only its image exposes is not waited for. */
export function awaitedPorts(config: MeshConfig, pod: ObservedPod): readonly number[] {
  if (pod.kind === 'gateway') return [];
  const service = config.services.find(({ name }) => name === pod.service);
  return (service?.ports ?? []).filter(({ exposed }) => exposed !== true).map(({ port }) => port);
}

function container(observed: ObservedContainer | null): ContainerStatus | null {
  if (observed === null) return null;
  const { id, name, image, state, health, exitCode, oomKilled, startedAt } = observed;
  return { id, name, image, state, health, exitCode, oomKilled, startedAt };
}

/** What somebody who looks at the terminal wants to know of the step from one listing to the next. */
export function noticeable(
  before: readonly ObservedPod[],
  after: readonly ObservedPod[],
): readonly { readonly workload: string; readonly text: string }[] {
  return after.flatMap(pod => {
    const old = before.find(each => each.workload === pod.workload);
    if (old === undefined) return [];
    return (['pause', 'sidecar', 'app'] as const).flatMap(part => {
      const was = old[part];
      const is = pod[part];
      if (was?.state !== 'running' || is === null || (is.state !== 'exited' && is.state !== 'dead')) {
        // By somebody else, between two looks.
        if (was?.state === 'running' && is?.state === 'running' && is.id === was.id && is.startedAt !== was.startedAt)
          return [{ workload: pod.workload, text: `${part} was restarted` }];
        if (was?.state === 'running' && is?.health === 'unhealthy' && was.health !== 'unhealthy')
          return [{ workload: pod.workload, text: 'its health check fails' }];
        return [];
      }
      // A job that ended well is no news.
      if (part === 'app' && is.state === 'exited' && is.exitCode === 0) return [];
      const why = is.oomKilled ? 'out of memory' : is.exitCode === null ? is.state : `exit code ${is.exitCode}`;
      return [{ workload: pod.workload, text: `${part} ended (${why})` }];
    });
  });
}

/** Whether no health check of a running app is still open or failing. */
export function allHealthy(pods: readonly ObservedPod[]): boolean {
  return pods.every(({ app }) => app === null || app.state !== 'running' || app.health === 'none' || app.health === 'healthy');
}

/** Where the gateways of a configuration are reached from this machine. */
export function gatewayStatuses(config: MeshConfig): readonly GatewayStatus[] {
  return config.gateways.map(({ name, hostAddress, port, protocol, tls }) => {
    const host = hostAddress === '0.0.0.0' || hostAddress === '' ? '127.0.0.1' : hostAddress;
    const scheme = protocol === 'http' && tls !== undefined ? 'https' : protocol;
    return { name, url: `${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}` };
  });
}
