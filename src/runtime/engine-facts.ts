/** The engine's answers read into the port's types. Pure. */
import type { ContainerFacts, PortHolder, PublishedPort } from './docker.ts';

/** The fields read of `GET /containers/{id}/json`. */
export interface RawContainer {
  readonly Id: string;
  readonly Name: string;
  readonly Image: string;
  readonly Config: { readonly Image: string; readonly Labels?: Readonly<Record<string, string>>; readonly Tty: boolean };
  readonly State: {
    readonly Status: string;
    readonly ExitCode: number;
    readonly OOMKilled: boolean;
    readonly StartedAt: string;
    readonly Health?: { readonly Status: string } | undefined;
  };
  readonly NetworkSettings: {
    readonly Networks?: Readonly<Record<string, { readonly IPAddress: string }>>;
    readonly Ports?: Readonly<Record<string, readonly { readonly HostIp: string; readonly HostPort: string }[] | null>>;
  };
}

/** The fields read of an entry of `GET /containers/json`. */
export interface RawListing {
  readonly Id: string;
  readonly Names: readonly string[];
  readonly Ports?: readonly {
    readonly IP: string;
    readonly PublicPort: number;
    readonly PrivatePort: number;
    readonly Type: string;
  }[];
}

const states = ['created', 'running', 'paused', 'restarting', 'exited', 'dead', 'removing'] as const;

/** An inspected container. */
export function containerFacts(raw: RawContainer): ContainerFacts {
  const state = states.find(one => one === raw.State.Status) ?? 'dead';
  const ended = state === 'exited' || state === 'dead' || state === 'restarting';
  const health = raw.State.Health?.Status;
  return {
    id: raw.Id,
    name: raw.Name.replace(/^\//, ''),
    image: raw.Config.Image,
    imageId: raw.Image,
    labels: raw.Config.Labels ?? {},
    state,
    health: health === 'starting' || health === 'healthy' || health === 'unhealthy' ? health : 'none',
    exitCode: ended ? raw.State.ExitCode : null,
    oomKilled: raw.State.OOMKilled,
    startedAt: raw.State.StartedAt,
    tty: raw.Config.Tty,
    addresses: Object.fromEntries(
      Object.entries(raw.NetworkSettings.Networks ?? {})
        .map(([name, network]) => [name, network.IPAddress] as const)
        .filter(([, address]) => address !== ''),
    ),
    published: Object.entries(raw.NetworkSettings.Ports ?? {}).flatMap(([port, bindings]) => published(port, bindings)),
  };
}

function published(port: string, bindings: readonly { HostIp: string; HostPort: string }[] | null | undefined): PublishedPort[] {
  const [containerPort = '', protocol = 'tcp'] = port.split('/');
  return (bindings ?? []).map(one => ({
    hostAddress: one.HostIp,
    hostPort: Number(one.HostPort),
    containerPort: Number(containerPort),
    protocol: protocol === 'udp' ? 'udp' : 'tcp',
  }));
}

/** Who holds which host port. */
export function portHolders(raw: readonly RawListing[]): readonly PortHolder[] {
  return raw.flatMap(container =>
    (container.Ports ?? [])
      .filter(port => port.PublicPort > 0)
      .map(port => ({
        containerId: container.Id,
        containerName: (container.Names[0] ?? container.Id).replace(/^\//, ''),
        hostAddress: port.IP,
        hostPort: port.PublicPort,
        containerPort: port.PrivatePort,
        protocol: port.Type === 'udp' ? 'udp' : 'tcp',
      })),
  );
}
