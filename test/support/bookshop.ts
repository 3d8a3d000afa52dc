import { cp, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, MeshProject } from './mesh-project.ts';

const root = join(import.meta.dirname, '..', '..');

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
      readonly stars?: number;
      readonly color?: string;
    }[];
  };
}

/** A private copy of the repository's bookshop (mesh.yaml and compose project) that tests may edit, run and break. */
export class Bookshop extends MeshProject {
  /** Where compose's own `ports` publishes the storefront. */
  readonly storefrontPort: number;

  private constructor(dir: string, project: string, gatewayPort: number, storefrontPort: number) {
    super(dir, project, gatewayPort, { BOOKSHOP_PORT: String(storefrontPort) });
    this.storefrontPort = storefrontPort;
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

  /** The shop's data for a reader, as JSON, through the gateway. */
  async book(headers: Readonly<Record<string, string>> = {}): Promise<Book> {
    const answer = await this.get('/api/book', headers);
    if (answer.status !== 200) throw new Error(`${answer.status} ${answer.body}`);
    return JSON.parse(answer.body) as Book;
  }

  /** The images that were built under the project's name go too; the layers stay in the engine's cache. */
  override async [Symbol.asyncDispose](): Promise<void> {
    try {
      await super[Symbol.asyncDispose]();
    } finally {
      for (const { RepoTags } of await this.docker.listImages({ filters: { reference: [`${this.project}-*`] } }))
        for (const tag of RepoTags ?? [])
          if (tag.startsWith(`${this.project}-`)) await this.docker.getImage(tag).remove({ noprune: true });
    }
  }
}
