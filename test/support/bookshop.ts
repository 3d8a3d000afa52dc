import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Docker from 'dockerode';
import type { StatusDocument } from '../../src/api/types.ts';
import { type CommandResult, MeshCommand, mesh } from './mesh-command.ts';

const root = join(import.meta.dirname, '..', '..');

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

/** What `/api/book` of the storefront says. */
export interface Book {
  readonly user: string;
  readonly details: { readonly title?: string; readonly error?: string };
  readonly reviews: {
    readonly version?: string;
    readonly pod?: string;
    readonly error?: string;
    readonly reviews?: readonly {
      readonly reviewer: string;
      readonly rating?: { readonly stars?: number; readonly color?: string; readonly error?: string };
    }[];
  };
}

/** A private copy of the repository's bookshop (mesh.yaml and compose project) that tests may edit, run and break. */
export class Bookshop implements AsyncDisposable {
  readonly dir: string;
  readonly project: string;
  readonly gatewayPort: number;
  readonly docker = new Docker();

  /** Where compose's own `ports` publishes the storefront. */
  readonly storefrontPort: number;
  readonly #env: Readonly<Record<string, string>>;

  private constructor(dir: string, project: string, gatewayPort: number, storefrontPort: number) {
    this.dir = dir;
    this.project = project;
    this.gatewayPort = gatewayPort;
    this.storefrontPort = storefrontPort;
    this.#env = { BOOKSHOP_PORT: String(storefrontPort) };
  }

  /** Copies the project; nothing is started. */
  static async create(project: string): Promise<Bookshop> {
    const dir = await mkdtemp(join(tmpdir(), `mesh-${project}-`));
    await cp(join(root, 'examples', 'compose', 'bookshop'), join(dir, 'examples', 'compose', 'bookshop'), { recursive: true });
    const port = await freePort();
    const text = await readFile(join(root, 'mesh.yaml'), 'utf8');
    if (!text.includes('port: 8080')) throw new Error('mesh.yaml no longer has the gateway on port 8080');
    await writeFile(join(dir, 'mesh.yaml'), text.replace('port: 8080', `port: ${port}`));
    return new Bookshop(dir, project, port, await freePort());
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
    return mesh(['-p', this.project, ...args], this.dir, this.#env);
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

  /** The shop's data for a reader, as JSON, through the gateway. */
  async book(headers: Readonly<Record<string, string>> = {}): Promise<Book> {
    const answer = await this.get('/api/book', headers);
    if (answer.status !== 200) throw new Error(`${answer.status} ${answer.body}`);
    return JSON.parse(answer.body) as Book;
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

  async [Symbol.asyncDispose](): Promise<void> {
    await this.mesh('down', '-v');
    await rm(this.dir, { recursive: true, force: true });
  }
}
