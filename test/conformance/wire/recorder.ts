/** A server that writes down what it gets and answers as the case says. */
import { createServer, type Socket } from 'node:net';
import { listen } from '../../proxy/data-plane-harness.ts';
import { expand } from './corpus.ts';
import { requestsIn, valuesOf } from './messages.ts';

/** What came over one connection. */
export interface RecordedConnection {
  text: string;
  closed: boolean;
}

/** A running recorder. */
export interface Recorder extends AsyncDisposable {
  readonly port: number;
  readonly connections: readonly RecordedConnection[];
  /** Grows with everything that happens here. */
  readonly events: () => number;
}

/** `raw`: what it writes once a head has arrived, with `{{CLOSE}}`, `{{RST}}`, `{{STALL}}` and `{{WAIT:n}}`. Without it, 200 to every request. */
export async function startRecorder(raw: string | undefined, quiet: () => Promise<void>): Promise<Recorder> {
  const connections: RecordedConnection[] = [];
  const sockets = new Set<Socket>();
  let events = 0;
  const server = createServer({ allowHalfOpen: true }, socket => {
    const mine: RecordedConnection = { text: '', closed: false };
    connections.push(mine);
    sockets.add(socket);
    events++;
    let answered = 0;
    let continued = false;
    socket.on('error', () => {});
    socket.on('end', () => events++);
    socket.on('close', () => {
      mine.closed = true;
      events++;
      sockets.delete(socket);
    });
    socket.on('data', bytes => {
      events++;
      mine.text += bytes.toString('latin1');
      if (raw !== undefined) {
        if (answered === 0 && mine.text.includes('\r\n\r\n')) {
          answered = 1;
          void play(socket, raw, quiet);
        }
        return;
      }
      const requests = requestsIn(mine.text);
      // As servers do whose application has not refused the body.
      if (!continued && requests.some(request => valuesOf(request, 'expect').length > 0)) {
        continued = true;
        socket.write('HTTP/1.1 100 Continue\r\n\r\n');
      }
      const whole = requests.filter(request => request.complete);
      for (; answered < whole.length; answered++) {
        const body = whole[answered]?.method === 'HEAD' ? '' : 'ok';
        socket.write(`HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\n${body}`);
      }
    });
  });
  const port = await listen(server);
  return {
    port,
    connections,
    events: () => events,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise(resolve => server.close(resolve));
    },
  };
}

/** A `WAIT` is until nothing happens any more: that is what it stands for, without a clock. */
async function play(socket: Socket, raw: string, quiet: () => Promise<void>): Promise<void> {
  for (const [index, part] of raw.split(/\{\{WAIT:\d+\}\}/).entries()) {
    if (index > 0) await quiet();
    if (socket.destroyed) return;
    const bytes = expand(part.replace(/\{\{(CLOSE|RST|STALL)\}\}/g, ''));
    if (bytes !== '') socket.write(bytes, 'latin1');
    if (part.includes('{{RST}}')) socket.resetAndDestroy();
    else if (part.includes('{{CLOSE}}')) socket.end();
  }
}
