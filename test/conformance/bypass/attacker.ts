/** A client of a sidecar that writes what it likes, with whatever certificate it has. */
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { frame, RawClient } from '../../proxy/http2/raw-client.ts';
import type { Entrance } from '../mesh/conformance-mesh.ts';
import { type Message, responsesIn } from '../wire/messages.ts';

/** Key and chain in PEM; `null`: no TLS at all. */
export type Credentials = { readonly key: string; readonly cert: string } | null;

/** What is sent: texts are bytes as latin1. */
export interface Attack {
  readonly method: string;
  readonly host: string;
  readonly path: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body?: string;
  /** Length of a body that is never sent. */
  readonly announced?: number;
  /** `name: value`, after a body. */
  readonly trailer?: string;
}

/** What came back. */
export interface Reply {
  /** 0: the connection or stream ended without an answer. */
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
}

/** Nobody waits longer for an answer. */
const patienceMs = 8000;

/** A connection, and TLS on it. Comes back also when the other side closes at once. */
export async function dial(to: Entrance, credentials: Credentials): Promise<Socket> {
  const socket =
    credentials === null
      ? connect({ ...to, noDelay: true })
      : connectTls({ ...to, ...credentials, rejectUnauthorized: false, minVersion: 'TLSv1.3' });
  socket.on('error', () => {});
  await new Promise<void>(resolve => {
    socket.once(credentials === null ? 'connect' : 'secureConnect', resolve).once('close', () => resolve());
  });
  return socket;
}

/** HTTP/1.1, byte for byte. */
export class Http1Attacker implements Disposable {
  readonly socket: Socket;
  readonly #methods: string[] = [];
  #got = '';
  #closed: boolean;
  #heard = (): void => {};

  constructor(socket: Socket) {
    this.socket = socket;
    this.#closed = socket.destroyed;
    socket.setEncoding('latin1').on('data', (text: string) => {
      this.#got += text;
      this.#heard();
    });
    for (const event of ['end', 'close'])
      socket.on(event, () => {
        this.#closed = true;
        this.#heard();
      });
  }

  /** Nothing more comes from the other side. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Interim answers so far. */
  get interim(): number {
    return responsesIn(this.#got, this.#methods).filter(({ status }) => status < 200).length;
  }

  /** Writes these requests in one piece. */
  send(...attacks: readonly Attack[]): void {
    for (const { method } of attacks) this.#methods.push(method);
    this.socket.write(attacks.map(written).join(''), 'latin1');
  }

  /** The answer to the request of that number, from 0. */
  async reply(index: number): Promise<Reply> {
    await this.#until(() => this.#final(index) !== undefined);
    const found = this.#final(index);
    return { status: found?.status ?? 0, headers: Object.fromEntries(found?.headers ?? []) };
  }

  #final(index: number): Message | undefined {
    const final = responsesIn(this.#got, this.#methods).filter(({ status }) => status >= 200);
    return final[index]?.complete === true ? final[index] : undefined;
  }

  #until(done: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`nothing after ${patienceMs} ms; got ${this.#got}`)), patienceMs);
      this.#heard = () => {
        if (!done() && !this.#closed) return;
        clearTimeout(timer);
        resolve();
      };
      this.#heard();
    });
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }
}

function written({ method, host, path, headers, body, trailer }: Attack): string {
  const framing: (readonly [string, string])[] =
    trailer !== undefined ? [['Transfer-Encoding', 'chunked']] : body !== undefined ? [['Content-Length', `${body.length}`]] : [];
  const fields = [['Host', host], ...headers, ...framing].map(([name, value]) => `${name}: ${value}\r\n`);
  const rest = trailer === undefined ? (body ?? '') : `2\r\nok\r\n0\r\n${trailer}\r\n\r\n`;
  return `${method} ${path} HTTP/1.1\r\n${fields.join('')}\r\n${rest}`;
}

/** HTTP/2, frame by frame, without TLS's help in choosing it. */
export class Http2Attacker implements Disposable {
  readonly #client: RawClient;
  #next = 1;

  constructor(socket: Socket) {
    this.#client = new RawClient(socket);
    // With room for the answers of a whole script: nobody opens the window later.
    this.#client.write(`PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${frame(4, 0, 0, '')}${frame(8, 0, 0, '\x10\0\0\0')}`);
  }

  /** Opens a stream for each, all in one write; returns the first one's id. */
  send(...attacks: readonly Attack[]): number {
    const first = this.#next;
    this.#client.write(attacks.map(attack => this.#written(attack)).join(''));
    return first;
  }

  #written({ method, host, path, headers, body, announced, trailer }: Attack): string {
    const id = this.#next;
    this.#next += 2;
    const target = /^http:\/\/([^/]*)(.*)$/.exec(path);
    const pseudo: (readonly [string, string])[] = [
      [':method', method],
      [':scheme', 'http'],
      // HTTP/2 has the parts of an absolute target in fields of their own.
      [':authority', target?.[1] ?? host],
      [':path', target?.[2] ?? path],
    ];
    const last = body === undefined && announced === undefined && trailer === undefined;
    const parts = [
      frame(1, last ? 5 : 4, id, block([...pseudo, ...headers.map(([name, value]) => [name.toLowerCase(), value] as const)])),
    ];
    if (!last && announced === undefined) parts.push(frame(0, trailer === undefined ? 1 : 0, id, body ?? 'ok'));
    if (trailer !== undefined) {
      const [name = '', value = ''] = trailer.toLowerCase().split(': ');
      parts.push(frame(1, 5, id, block([[name, value]])));
    }
    return parts.join('');
  }

  /** The answer on that stream. */
  async reply(id: number): Promise<Reply> {
    const { promise, resolve, reject } = Promise.withResolvers<Reply>();
    const timer = setTimeout(() => reject(new Error(`no answer on stream ${id} after ${patienceMs} ms`)), patienceMs);
    const look = (): void => {
      const heads = this.#client.heads.filter(head => head.id === id && Number(head.fields[':status'] ?? 200) >= 200);
      const over = this.closed || this.#client.resets.some(([reset]) => reset === id);
      const ended = this.#client.frames.some(seen => seen.id === id && seen.type <= 1 && (seen.flags & 1) !== 0);
      if (!over && !ended) return;
      const headers = Object.assign({}, ...heads.map(({ fields }) => fields)) as Record<string, string>;
      resolve({ status: Number(headers[':status'] ?? 0), headers });
    };
    this.#client.socket.on('data', look).on('close', look);
    look();
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#client.socket.off('data', look).off('close', look);
    }
  }

  /** No further request can be sent. */
  get closed(): boolean {
    return this.#client.closed || this.#client.goaway !== null;
  }

  /** Interim answers so far. */
  get interim(): number {
    return this.#client.heads.filter(({ fields }) => Number(fields[':status'] ?? 200) < 200).length;
  }

  [Symbol.dispose](): void {
    this.#client.socket.destroy();
  }
}

/** Header fields, not indexed, of any length. */
function block(fields: readonly (readonly [string, string])[]): string {
  return fields.map(([name, value]) => `\0${text(name)}${text(value)}`).join('');
}

/** RFC 7541 section 5.2, without Huffman coding. */
function text(value: string): string {
  if (value.length < 127) return String.fromCharCode(value.length) + value;
  let length = '\x7f';
  let rest = value.length - 127;
  for (; rest >= 128; rest = Math.floor(rest / 128)) length += String.fromCharCode((rest % 128) + 128);
  return length + String.fromCharCode(rest) + value;
}
