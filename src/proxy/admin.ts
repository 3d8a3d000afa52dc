import { createServer, type Server } from 'node:http';

/** Answers of the small HTTP servers beside the traffic. Bound to loopback: other pods have no business there, the daemon asks over its channel. */
export interface AdminAnswers {
  readonly ready: () => boolean;
  readonly metrics: () => string;
}

function listen(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : port);
    });
  });
}

/** `/healthz/ready` on one port, `/stats/prometheus` on another, where Istio has them. */
export class AdminServers {
  readonly #ready: Server;
  readonly #metrics: Server;

  constructor(answers: AdminAnswers) {
    this.#ready = createServer((request, response) => {
      const found = request.url === '/healthz/ready';
      response.writeHead(found ? (answers.ready() ? 200 : 503) : 404, { connection: 'close' }).end();
    });
    this.#metrics = createServer((request, response) => {
      if (request.url === '/stats/prometheus') {
        response
          .writeHead(200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8', connection: 'close' })
          .end(answers.metrics());
      } else response.writeHead(404, { connection: 'close' }).end();
    });
  }

  /** @returns the ports, also when 0 was asked for */
  async listen(
    host: string,
    readyPort: number,
    metricsPort: number,
  ): Promise<{ readonly ready: number; readonly metrics: number }> {
    return { ready: await listen(this.#ready, host, readyPort), metrics: await listen(this.#metrics, host, metricsPort) };
  }

  close(): void {
    this.#ready.close();
    this.#metrics.close();
  }
}
