// As much of a redis client as a shop needs: one connection, commands answered in order, opened again when it breaks.
import { connect } from 'node:net';

/** Returns `redis(...words)`, a promise of the reply: a string, a number, null, or a list of these. */
export function createRedis({ host, port }) {
  let socket = null;
  let waiting = [];
  let received = Buffer.alloc(0);

  function fail(error) {
    socket?.destroy();
    socket = null;
    received = Buffer.alloc(0);
    const failed = waiting;
    waiting = [];
    for (const { reject } of failed) reject(error);
  }

  function open() {
    const opened = connect({ host, port, noDelay: true, keepAlive: true });
    opened.setTimeout(5000, () => waiting.length > 0 && opened === socket && fail(new Error('redis did not answer in 5 s')));
    opened.on('error', error => opened === socket && fail(new Error(`redis: ${error.code ?? error.message}`)));
    opened.on('close', () => opened === socket && fail(new Error('redis closed the connection')));
    opened.on('data', chunk => {
      if (opened !== socket) return;
      received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
      for (let reply = parse(received, 0); reply !== null; reply = parse(received, 0)) {
        received = received.subarray(reply.end);
        const { resolve, reject } = waiting.shift();
        if (reply.value instanceof Error) reject(reply.value);
        else resolve(reply.value);
      }
    });
    return opened;
  }

  return (...words) =>
    new Promise((resolve, reject) => {
      waiting.push({ resolve, reject });
      socket ??= open();
      socket.write(`*${words.length}\r\n${words.map(word => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')}`);
    });
}

/** One reply of the redis protocol at `start`: its value and where it ends, or null while bytes are missing. */
function parse(bytes, start) {
  const lineEnd = bytes.indexOf('\r\n', start);
  if (lineEnd < 0) return null;
  const line = bytes.toString('utf8', start + 1, lineEnd);
  const end = lineEnd + 2;
  switch (String.fromCharCode(bytes[start])) {
    case '+':
      return { value: line, end };
    case '-':
      return { value: new Error(line), end };
    case ':':
      return { value: Number(line), end };
    case '$': {
      const length = Number(line);
      if (length < 0) return { value: null, end };
      if (bytes.length < end + length + 2) return null;
      return { value: bytes.toString('utf8', end, end + length), end: end + length + 2 };
    }
    case '*': {
      const value = [];
      let at = end;
      for (let i = 0; i < Number(line); i++) {
        const item = parse(bytes, at);
        if (item === null) return null;
        value.push(item.value);
        at = item.end;
      }
      return { value, end: at };
    }
    default:
      return { value: new Error('redis sent something that is not its protocol'), end: bytes.length };
  }
}
