/** As a program: `node raw-backend.ts <address:port>…` */
import { createServer, type Server } from 'node:http';

/** A server in this process: `/<bytes>` answers so many bytes as fast as the reader takes them, `/slow/<ms>` waits first; bodies are read and counted. */
export async function rawBackend(host: string, port: number): Promise<Server> {
  const piece = Buffer.alloc(64 * 1024, 120);
  const server = createServer((request, response) => {
    let received = 0;
    request.on('data', (chunk: Buffer) => {
      received += chunk.length;
    });
    request.on('end', () => {
      const slow = /^\/slow\/(\d+)/.exec(request.url ?? '')?.[1];
      if (slow !== undefined) {
        setTimeout(() => response.end('ok'), Number(slow));
        return;
      }
      const bytes = Number(/^\/(\d+)/.exec(request.url ?? '')?.[1] ?? 0);
      response.writeHead(200, { 'content-length': bytes || String(received).length });
      if (bytes === 0) response.end(String(received));
      else send(bytes);
    });
    const send = (left: number): void => {
      let rest = left;
      while (rest > 0) {
        const part = rest < piece.length ? piece.subarray(0, rest) : piece;
        rest -= part.length;
        if (!response.write(part) && rest > 0) {
          response.once('drain', () => send(rest));
          return;
        }
      }
      response.end();
    };
  });
  await new Promise<void>(resolve => server.listen(port, host, resolve));
  return server;
}

if (import.meta.main)
  for (const address of process.argv.slice(2)) {
    const [host = '', port] = address.split(':');
    await rawBackend(host, Number(port));
  }
