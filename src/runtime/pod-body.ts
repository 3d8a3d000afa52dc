/** The pause and sidecar containers of a pod in the engine's words. Pure. */
import type { ContainerConfig, GatewayConfig, PublishConfig } from '../config/mesh-config.ts';
import { boundedLog, isNetworkSysctl, pick } from './app-body.ts';
import type { ContainerBody } from './docker.ts';

type Body = Omit<ContainerBody, 'Labels'>;

/** What the pause container needs to know beyond the service's configuration. */
export interface PauseSettings {
  readonly image: string;
  readonly network: string;
  readonly hostname: string;
  /** Port of the sidecar that the daemon dials; published on 127.0.0.1 with a port of the engine's choice. */
  readonly controlPort: number;
}

/** Owns the namespace of a service's pod: a container that joins one may set none of this (the engine answers 400). */
export function servicePause(container: ContainerConfig, settings: PauseSettings): Body {
  return pauseBody(settings, container.publish, {
    Hostname: (container.hostname ?? settings.hostname).slice(0, 63),
    ...(container.domainname === null ? {} : { Domainname: container.domainname }),
    host: {
      ExtraHosts: container.extraHosts,
      Dns: container.dns,
      DnsSearch: container.dnsSearch,
      Sysctls: pick(container.sysctls, isNetworkSysctl),
    },
  });
}

/** Owns the namespace of a gateway; its port is the one way in from the host. */
export function gatewayPause(gateway: GatewayConfig, settings: PauseSettings): Body {
  const publish: PublishConfig = {
    hostAddress: gateway.hostAddress,
    hostPort: gateway.port,
    containerPort: gateway.port,
    protocol: 'tcp',
  };
  return pauseBody(settings, [publish], { Hostname: settings.hostname.slice(0, 63), host: {} });
}

function pauseBody(
  settings: PauseSettings,
  publish: readonly PublishConfig[],
  more: { readonly Hostname: string; readonly Domainname?: string; readonly host: Partial<ContainerBody['HostConfig']> },
): Body {
  const { host, ...names } = more;
  const control: PublishConfig = { hostAddress: '127.0.0.1', hostPort: 0, containerPort: settings.controlPort, protocol: 'tcp' };
  const bindings: Record<string, { HostIp: string; HostPort: string }[]> = {};
  for (const one of [...publish, control]) {
    const key = `${one.containerPort}/${one.protocol}`;
    bindings[key] = [
      ...(bindings[key] ?? []),
      { HostIp: one.hostAddress, HostPort: one.hostPort === 0 ? '' : String(one.hostPort) },
    ];
  }
  return {
    Image: settings.image,
    ...names,
    User: '65534',
    ExposedPorts: Object.fromEntries(Object.keys(bindings).map(key => [key, {}])),
    HostConfig: {
      NetworkMode: settings.network,
      PortBindings: bindings,
      // Not restarted by the engine: a new namespace is of no use to a sidecar and an app that still hold the old one; the daemon repairs the pod.
      RestartPolicy: { Name: 'no', MaximumRetryCount: 0 },
      ReadonlyRootfs: true,
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges'],
      PidsLimit: 8,
      LogConfig: { Type: 'none', Config: {} },
      ...host,
    },
  };
}

/** The proxy: root until its interception rules are written, then uid 1337 without capabilities (it drops them itself). */
export function sidecarBody(image: string, memoryBytes: number, environment: Readonly<Record<string, string>>): Body {
  return {
    Image: image,
    User: '0',
    Env: Object.entries(environment)
      .map(([key, value]) => `${key}=${value}`)
      .sort(),
    // It drains when the daemon says so; on SIGTERM nobody is left to wait for.
    StopTimeout: 5,
    HostConfig: {
      NetworkMode: 'container:',
      // Comes back after a crash even when no daemon lives; ends for good when it is told to drain (exit 0).
      RestartPolicy: { Name: 'on-failure', MaximumRetryCount: 0 },
      ReadonlyRootfs: true,
      CapDrop: ['ALL'],
      CapAdd: ['NET_ADMIN', 'SETUID', 'SETGID'],
      SecurityOpt: ['no-new-privileges'],
      // Node runs about a dozen threads.
      PidsLimit: 128,
      Memory: memoryBytes,
      LogConfig: boundedLog,
    },
  };
}
