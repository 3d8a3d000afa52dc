import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { type ConnectionOptions, connect } from 'node:tls';
import { readClientHello } from '../../src/proxy/tls/client-hello.ts';

/** The first message of a real TLS client, byte for byte as OpenSSL sends it. */
export async function clientHello(options: ConnectionOptions = {}): Promise<Buffer> {
  const server = createServer();
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const got = new Promise<Buffer>(resolve => {
    server.once('connection', socket => {
      let seen = Buffer.alloc(0);
      socket.on('error', () => {});
      socket.on('data', (chunk: Buffer) => {
        seen = Buffer.concat([seen, chunk]);
        if (readClientHello(seen).kind !== 'more') {
          socket.destroy();
          resolve(seen);
        }
      });
    });
  });
  const client = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', ...options });
  client.on('error', () => {});
  const bytes = await got;
  client.destroy();
  server.close();
  return bytes;
}
