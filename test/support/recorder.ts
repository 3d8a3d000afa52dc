import { createServer } from 'node:net';
import { serving } from './after-test.ts';

/** An app that only remembers: every connection and every byte that ever reached it. */
export interface Recorder {
  readonly port: number;
  readonly connections: number;
  readonly bytes: Buffer;
}

/** Listens on loopback until the test is over. `greeting`: what it says first. */
export async function recorder(greeting = ''): Promise<Recorder> {
  let connections = 0;
  const parts: Buffer[] = [];
  const port = await serving(
    createServer(socket => {
      connections++;
      socket.on('error', () => {}).on('data', (chunk: Buffer) => parts.push(chunk));
      if (greeting !== '') socket.write(greeting);
    }),
  );
  return {
    port,
    get connections() {
      return connections;
    },
    get bytes() {
      return Buffer.concat(parts);
    },
  };
}
