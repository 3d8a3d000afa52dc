/** A connection that attacks are sent over, whatever it speaks. */
import type { Socket } from 'node:net';
import { type Attack, Http1Attacker, Http2Attacker, type Reply } from './attacker.ts';

/** What it speaks. */
export type Protocol = 'h1' | 'h2';

/** One connection: requests one after another. */
export class Line implements Disposable {
  readonly #client: Http1Attacker | Http2Attacker;
  #asked = 0;
  #told = false;

  /** `socket`: as `dial` gives it. */
  constructor(socket: Socket, protocol: Protocol) {
    this.#client = protocol === 'h1' ? new Http1Attacker(socket) : new Http2Attacker(socket);
  }

  /** No further request can be sent. */
  get closed(): boolean {
    return this.#told || this.#client.closed;
  }

  /** Sends all of them in one piece. */
  askAll(...requests: readonly Attack[]): Promise<readonly Reply[]> {
    const client = this.#client;
    if (client instanceof Http2Attacker) {
      const first = client.send(...requests);
      return Promise.all(requests.map((_, index) => client.reply(first + 2 * index)));
    }
    const first = this.#asked;
    this.#asked += requests.length;
    client.send(...requests);
    return inOrder(requests, (_, index) => client.reply(first + index));
  }

  /** Sends it. */
  async ask(request: Attack): Promise<Reply> {
    const [reply = { status: 0, headers: {} }] = await this.askAll(request);
    this.#told ||= reply.headers.connection === 'close';
    return reply;
  }

  /** Interim answers so far. */
  get interim(): number {
    return this.#client.interim;
  }

  [Symbol.dispose](): void {
    this.#client[Symbol.dispose]();
  }
}

async function inOrder<T, U>(list: readonly T[], each: (one: T, index: number) => Promise<U>): Promise<U[]> {
  const found: U[] = [];
  for (const [index, one] of list.entries()) found.push(await each(one, index));
  return found;
}
