import { readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import Docker from 'dockerode';
import type { StatusDocument } from '../../src/api/types.ts';
import { type CommandResult, MeshCommand, mesh } from './mesh-command.ts';

/** A port on 127.0.0.1 that nobody listens on at the moment of asking. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise(resolve => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

/** What an answer through the gateway was. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
}

/** A folder with a mesh.yaml that tests may edit, run and break. Its end removes the folder and all that ran from it. */
export class MeshProject implements AsyncDisposable {
  readonly dir: string;
  readonly project: string;
  readonly gatewayPort: number;
  readonly docker = new Docker();
  readonly #env: Readonly<Record<string, string>>;
  readonly #keepDir: boolean;

  /** `env`: what the commands get besides our own. `keepDir`: the folder is somebody else's. */
  protected constructor(
    dir: string,
    project: string,
    gatewayPort: number,
    env: Readonly<Record<string, string>>,
    keepDir = false,
  ) {
    this.dir = dir;
    this.project = project;
    this.gatewayPort = gatewayPort;
    this.#env = env;
    this.#keepDir = keepDir;
  }

  get meshFile(): string {
    return join(this.dir, 'mesh.yaml');
  }

  /** Rewrites mesh.yaml in place. @throws when the edit changes nothing */
  async edit(change: (text: string) => string): Promise<void> {
    const before = await readFile(this.meshFile, 'utf8');
    const after = change(before);
    if (after === before) throw new Error('the edit changes nothing');
    await writeFile(this.meshFile, after);
  }

  /** Runs `mesh <args>` in the project to its end. */
  mesh(...args: string[]): Promise<CommandResult> {
    return this.meshWith({}, ...args);
  }

  /** The same with more environment variables. */
  meshWith(env: Readonly<Record<string, string>>, ...args: string[]): Promise<CommandResult> {
    return mesh(['-p', this.project, ...args], this.dir, { ...this.#env, ...env });
  }

  /** Starts `mesh <args>` in the project and leaves it running. */
  start(...args: string[]): MeshCommand {
    return new MeshCommand(['-p', this.project, ...args], this.dir, this.#env);
  }

  /** One request through the gateway. */
  async get(path: string, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    const response = await fetch(`http://127.0.0.1:${this.gatewayPort}${path}`, { headers, signal: AbortSignal.timeout(10_000) });
    return { status: response.status, headers: response.headers, body: await response.text() };
  }

  /** `mesh status --json`. @throws when the command fails */
  async status(): Promise<StatusDocument> {
    const result = await this.mesh('status', '--json');
    if (result.stdout === '') throw new Error(result.stderr);
    return JSON.parse(result.stdout) as StatusDocument;
  }

  /** Containers of this project, running or not, by name. */
  async containers(): Promise<Map<string, Docker.ContainerInfo>> {
    const list = await this.docker.listContainers({
      all: true,
      filters: { label: [`com.docker.compose.project=${this.project}`] },
    });
    return new Map(list.map(item => [item.Names[0]?.slice(1) ?? item.Id, item]));
  }

  /** A container of this project as the engine has it: `details-1` is the app, `details-1-sidecar`, `details-1-pod`. */
  inspect(name: string): Promise<Docker.ContainerInspectInfo> {
    return this.docker.getContainer(`${this.project}-${name}`).inspect();
  }

  /** Takes the project down; what a broken `down` leaves would be in the way of every later run, so it goes by force. */
  async [Symbol.asyncDispose](): Promise<void> {
    const daemon = await this.#daemonPid();
    const down = await this.mesh('down', '-v');
    if (down.code !== 0 && daemon !== null) kill(daemon); // or it would repair what is removed now
    const left = await this.containers();
    await Promise.all([...left.values()].map(({ Id }) => this.docker.getContainer(Id).remove({ force: true, v: true })));
    if (!this.#keepDir) await rm(this.dir, { recursive: true, force: true });
    if (down.code !== 0 || left.size > 0)
      throw new Error(`down of ${this.project} ended with ${down.code} and left ${[...left.keys()]}: ${down.stderr}`);
  }

  /** Of the last `up`, whether it lives or not; `null` when there was none or `down` has come after it. */
  async #daemonPid(): Promise<number | null> {
    try {
      const file = join(this.dir, '.mesh', 'projects', this.project, 'daemon.json');
      return (JSON.parse(await readFile(file, 'utf8')) as { readonly pid: number }).pid;
    } catch {
      return null;
    }
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}
