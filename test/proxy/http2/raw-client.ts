/** A client that writes frames as it likes and keeps what comes back, for tests of what no proper client does. */

import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { frameHead } from '../../../src/proxy/http2/frame.ts';
import { HpackDecoder } from '../../../src/proxy/http2/hpack-decoder.ts';
import { eventually } from '../../support/eventually.ts';

export interface SeenFrame {
  readonly type: number;
  readonly flags: number;
  readonly id: number;
  readonly payload: Buffer;
}

const text = (s: string): string => String.fromCharCode(s.length) + s;

/** Header fields, not indexed, each text shorter than 127 bytes. */
export function block(fields: Readonly<Record<string, string>> | readonly (readonly [string, string])[]): string {
  const list = Array.isArray(fields) ? (fields as readonly (readonly [string, string])[]) : Object.entries(fields);
  return list.map(([name, value]) => `\0${text(name)}${text(value)}`).join('');
}

/** A frame as latin1 text. */
export function frame(type: number, flags: number, id: number, payload: string): string {
  return frameHead(payload.length, type, flags, id) + payload;
}

export const getRequest = { ':method': 'GET', ':scheme': 'http', ':authority': 'app.mesh', ':path': '/ok' };

/** HEADERS of a whole request. */
export function request(id: number, more: Readonly<Record<string, string>> = {}, flags = 5): string {
  return frame(1, flags, id, block({ ...getRequest, ...more }));
}

export class RawClient {
  readonly socket: Socket;
  readonly frames: SeenFrame[] = [];
  closed = false;
  readonly #decoder = new HpackDecoder();
  #rest: Buffer = Buffer.alloc(0);

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('error', () => {});
    socket.on('close', () => {
      this.closed = true;
    });
    socket.on('data', (bytes: Buffer) => this.#take(bytes));
  }

  /** Connects, and says preface and SETTINGS. */
  static async open(port: number, greeting = `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${frame(4, 0, 0, '')}`): Promise<RawClient> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    const client = new RawClient(socket);
    client.write(greeting);
    return client;
  }

  write(latin1: string): void {
    this.socket.write(latin1, 'latin1');
  }

  /** Error code of GOAWAY; `null` where none has come. */
  get goaway(): number | null {
    return this.of(7).at(-1)?.payload.readUInt32BE(4) ?? null;
  }

  of(type: number): SeenFrame[] {
    return this.frames.filter(seen => seen.type === type);
  }

  /** Codes of RST_STREAM, by stream. */
  get resets(): (readonly [id: number, code: number])[] {
    return this.of(3).map(seen => [seen.id, seen.payload.readUInt32BE()] as const);
  }

  /** Fields of the HEADERS frames, in order; decodes each once. */
  readonly heads: { readonly id: number; readonly fields: Readonly<Record<string, string>> }[] = [];

  /** Waits until everything written so far has been dealt with. */
  async settled(): Promise<void> {
    const acks = this.of(6).length;
    this.write(frame(6, 0, 0, 'settled?'));
    await eventually(() => assert.ok(this.closed || this.of(6).length > acks));
  }

  #take(bytes: Buffer): void {
    let all = Buffer.concat([this.#rest, bytes]);
    while (all.length >= 9 && all.length >= 9 + all.readUIntBE(0, 3)) {
      const length = all.readUIntBE(0, 3);
      const seen = { type: all[3] ?? 0, flags: all[4] ?? 0, id: all.readUInt32BE(5), payload: all.subarray(9, 9 + length) };
      this.frames.push(seen);
      if (seen.type === 1) this.#decode(seen);
      if (seen.type === 4 && (seen.flags & 1) === 0) this.write(frame(4, 1, 0, ''));
      all = all.subarray(9 + length);
    }
    this.#rest = all;
  }

  #decode(seen: SeenFrame): void {
    const fields: Record<string, string> = {};
    this.#decoder.decode(seen.payload, 0, seen.payload.length, {
      field: ({ name, value }) => {
        fields[name] = value;
      },
    });
    this.heads.push({ id: seen.id, fields });
  }
}
