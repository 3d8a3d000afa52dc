import { once } from 'node:events';
import { cp, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, MeshProject } from './mesh-project.ts';

const example = join(import.meta.dirname, '..', '..', 'examples', 'compose', 'observability');

/** A private copy of examples/compose/observability, without its Grafana, and with a redis that is published on the host. Prometheus scrapes every second. */
export class ObservedShop extends MeshProject {
  readonly frontPort: number;
  readonly redisPort: number;
  readonly prometheusPort: number;

  private constructor(dir: string, project: string, ports: readonly [number, number, number, number]) {
    const [gateway, front, redis, prometheus] = ports;
    super(dir, project, gateway, { FRONT_PORT: String(front), PROMETHEUS_PORT: String(prometheus) });
    this.frontPort = front;
    this.redisPort = redis;
    this.prometheusPort = prometheus;
  }

  /** Copies the project; nothing is started. */
  static async create(project: string): Promise<ObservedShop> {
    const dir = await mkdtemp(join(tmpdir(), `mesh-${project}-`));
    await cp(example, dir, { recursive: true });
    const ports = [await freePort(), await freePort(), await freePort(), await freePort()] as const;
    const shop = new ObservedShop(dir, project, ports);
    await shop.edit(text =>
      text
        .replace('port: 8080, routes', `port: ${ports[0]}, routes`)
        .replace('compose: compose.yaml', 'compose: [compose.yaml, test.yaml]'),
    );
    const override = `services:
  grafana: {profiles: [absent]}
  redis: {ports: ["127.0.0.1:${ports[2]}:6379"]}
`;
    await writeFile(join(dir, 'test.yaml'), override);
    const scraping = await readFile(join(dir, 'prometheus.yml'), 'utf8');
    await writeFile(join(dir, 'prometheus.yml'), scraping.replaceAll('5s', '1s'));
    return shop;
  }

  /** Calls from this machine to published ports, in plaintext: the only ones in the shop. */
  async callInPlaintext(): Promise<void> {
    await (await fetch(`http://127.0.0.1:${this.frontPort}/`, { signal: AbortSignal.timeout(10_000) })).text();
    const socket = connect(this.redisPort, '127.0.0.1').resume();
    socket.end('PING\r\n');
    await once(socket, 'close', { signal: AbortSignal.timeout(10_000) });
  }
}
