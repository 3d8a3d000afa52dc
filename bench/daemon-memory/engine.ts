/** A Docker engine that starts nothing: the part of its HTTP API that `mesh up` uses, on a unix socket. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import type { ContainerBody } from '../../src/runtime/docker.ts';

/** What a sidecar of the bench is started with, and what it says for itself. */
export interface StartedSidecar {
  /** On 127.0.0.1. */
  readonly port: number;
  readonly log: string;
}

interface Made {
  readonly id: string;
  readonly name: string;
  readonly body: ContainerBody;
  running: boolean;
  address: string;
  /** Of a network container: where its sidecar listens. */
  controlPort: number;
  log: string;
}

/** Listens until `close`. `startSidecar` is called with the environment of each sidecar container that is started. */
export class StandInEngine {
  readonly #server: Server;
  readonly #containers = new Map<string, Made>();
  readonly #networks: { Id: string; Name: string; Labels: object }[] = [];
  readonly #startSidecar: (environment: ReadonlyMap<string, string>) => Promise<StartedSidecar>;
  #last = 0;

  private constructor(startSidecar: (environment: ReadonlyMap<string, string>) => Promise<StartedSidecar>) {
    this.#startSidecar = startSidecar;
    this.#server = createServer((request, response) => {
      this.#serve(request, response).catch(error => response.writeHead(500).end(JSON.stringify({ message: String(error) })));
    });
  }

  static async listen(
    socket: string,
    startSidecar: (environment: ReadonlyMap<string, string>) => Promise<StartedSidecar>,
  ): Promise<StandInEngine> {
    const engine = new StandInEngine(startSidecar);
    engine.#server.listen(socket);
    await once(engine.#server, 'listening');
    return engine;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://engine');
    const [what = '', ref = '', act = ''] = pathname
      .replace(/^\/v[\d.]+/, '')
      .slice(1)
      .split('/')
      .map(decodeURIComponent);
    const answer = (body: unknown, status = 200): void =>
      void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    const key = `${request.method} ${what}${ref === '' ? '' : ref === 'create' || ref === 'json' ? `/${ref}` : '/*'}${act === '' ? '' : `/${act}`}`;
    switch (key) {
      case 'GET version':
        return answer({ Version: '27.0.0', ApiVersion: '1.45', Arch: process.arch === 'x64' ? 'amd64' : 'arm64', Os: 'linux' });
      case 'GET containers/json':
        return answer(this.#listing(searchParams.get('filters')));
      case 'POST containers/create':
        return answer({ Id: this.#make(searchParams.get('name') ?? '', JSON.parse(await text(request))) }, 201);
      case 'GET containers/*/json': {
        const found = this.#find(ref);
        return found === undefined ? answer({ message: 'no such container' }, 404) : answer(inspected(found));
      }
      case 'POST containers/*/start':
        await this.#start(this.#find(ref));
        return answer({}, 204);
      case 'GET containers/*/logs':
        return void response.writeHead(200).end(frame(this.#find(ref)?.log ?? ''));
      case 'POST containers/*/wait':
      case 'GET events':
        // For as long as the client stays.
        return void response.writeHead(200).flushHeaders();
      case 'GET images/json':
        return answer([]);
      case 'POST networks/create':
        this.#networks.push({ Id: 'network', Name: JSON.parse(await text(request)).Name, Labels: {} });
        return answer({ Id: 'network' }, 201);
      case 'GET networks':
        return answer([]);
      case 'GET volumes':
        return answer({ Volumes: [] });
    }
    // Every image is there.
    if (what === 'images')
      return answer({ Id: 'sha256:image', Architecture: 'amd64', Os: 'linux', Config: { ExposedPorts: {} } });
    answer({ message: `${key} is not there` }, 500);
  }

  #listing(filters: string | null): unknown[] {
    const wanted = (JSON.parse(filters ?? '{}') as { label?: string[] }).label ?? [];
    return [...this.#containers.values()]
      .filter(({ body }) =>
        wanted.every(label => {
          const [name = '', value] = label.split('=', 2);
          return value === undefined ? name in body.Labels : body.Labels[name] === value;
        }),
      )
      .map(({ id, name }) => ({ Id: id, Names: [`/${name}`], Ports: [] }));
  }

  #make(name: string, body: ContainerBody): string {
    const id = `c${++this.#last}`;
    this.#containers.set(id, { id, name, body, running: false, address: '', controlPort: 0, log: '' });
    return id;
  }

  async #start(made: Made | undefined): Promise<void> {
    if (made === undefined || made.running) return;
    made.running = true;
    const { NetworkMode } = made.body.HostConfig;
    if (!NetworkMode.startsWith('container:')) {
      made.address = `172.30.${Math.floor(this.#last / 250)}.${(Number(made.id.slice(1)) % 250) + 1}`;
      return;
    }
    const environment = new Map(
      (made.body.Env ?? []).map(line => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
    );
    if (!environment.has('MESH_WORKLOAD')) return;
    const { port, log } = await this.#startSidecar(environment);
    made.log = log;
    const pause = this.#find(NetworkMode.slice('container:'.length));
    if (pause !== undefined) pause.controlPort = port;
  }

  #find(ref: string): Made | undefined {
    return this.#containers.get(ref) ?? [...this.#containers.values()].find(one => one.name === ref);
  }
}

function inspected({ id, name, body, running, address, controlPort }: Made): unknown {
  return {
    Id: id,
    Name: `/${name}`,
    Image: 'sha256:image',
    Config: { Image: body.Image, Labels: body.Labels, Tty: false },
    State: {
      Status: running ? 'running' : 'created',
      ExitCode: 0,
      OOMKilled: false,
      StartedAt: running ? '2026-01-01T00:00:00.000000001Z' : '0001-01-01T00:00:00Z',
    },
    NetworkSettings: {
      Networks: address === '' ? {} : { [body.HostConfig.NetworkMode]: { IPAddress: address } },
      Ports: controlPort === 0 ? {} : { '15012/tcp': [{ HostIp: '127.0.0.1', HostPort: String(controlPort) }] },
    },
  };
}

/** As the engine puts a container's stdout. */
function frame(log: string): Buffer {
  const head = Buffer.alloc(8);
  head[0] = 1;
  head.writeUInt32BE(Buffer.byteLength(log), 4);
  return Buffer.concat([head, Buffer.from(log)]);
}
