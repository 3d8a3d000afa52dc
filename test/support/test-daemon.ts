import { once } from 'node:events';
import { connect, type TLSSocket } from 'node:tls';
import { daemonId } from '../../src/identity/spiffe-id.ts';
import type { ToDaemon, ToSidecar } from '../../src/snapshot/channel.ts';
import { encodeFrame, FrameReader } from '../../src/snapshot/frame.ts';
import type { Snapshot } from '../../src/snapshot/snapshot.ts';
import { eventually } from './eventually.ts';
import { type LeafOptions, newKey, type TestCa } from './test-ca.ts';

type Of<K extends ToDaemon['kind']> = Extract<ToDaemon, { kind: K }>;

/** The daemon's end of a control channel, driven by a test: answers CSRs by itself, sends what it is told to. */
export class TestDaemon implements Disposable {
  readonly #socket: TLSSocket;
  readonly #ca: TestCa;
  readonly #svidOptions: () => LeafOptions;
  readonly messages: ToDaemon[] = [];
  signed = 0;

  private constructor(socket: TLSSocket, ca: TestCa, svidOptions: () => LeafOptions) {
    this.#socket = socket;
    this.#ca = ca;
    this.#svidOptions = svidOptions;
    const reader = new FrameReader();
    socket.on('data', (chunk: Buffer) => {
      for (const message of reader.push(chunk)) this.#take(message as ToDaemon);
    });
    socket.on('error', () => {});
  }

  /** Dials a sidecar. @param spiffeId who it says it is; by default the daemon of `bookshop.local` */
  static async dial(
    port: number,
    ca: TestCa,
    options: { spiffeId?: string; svid?: () => LeafOptions; host?: string } = {},
  ): Promise<TestDaemon> {
    const key = newKey();
    const socket = connect({
      port,
      host: options.host ?? '127.0.0.1',
      key: key.export({ type: 'pkcs8', format: 'pem' }),
      cert: ca.issue(key, options.spiffeId ?? daemonId('bookshop.local')),
      rejectUnauthorized: false,
    });
    const daemon = new TestDaemon(socket, ca, options.svid ?? (() => ({})));
    await once(socket, 'secureConnect');
    return daemon;
  }

  #take(message: ToDaemon): void {
    this.messages.push(message);
    if (message.kind !== 'csr') return;
    this.signed++;
    const { chainPem } = this.#ca.sign(message.pem, this.#svidOptions());
    this.send({ kind: 'svid', chainPem, bundlePem: this.#ca.bundlePem });
  }

  get closed(): boolean {
    return this.#socket.destroyed || this.#socket.readableEnded;
  }

  send(message: ToSidecar): void {
    this.#socket.write(encodeFrame(message));
  }

  /** Waits for the first message of a kind that fits. */
  expect<K extends ToDaemon['kind']>(kind: K, fits: (message: Of<K>) => boolean = () => true): Promise<Of<K>> {
    return eventually(
      () => {
        const found = this.messages.find((message): message is Of<K> => message.kind === kind && fits(message as Of<K>));
        if (found === undefined) throw new Error(`got ${this.messages.map(message => message.kind).join(', ') || 'nothing'}`);
        return found;
      },
      { what: kind },
    );
  }

  /** Sends a snapshot and waits for its answer. */
  async push(snapshot: Snapshot): Promise<Of<'ack'> | Of<'nack'>> {
    const from = this.messages.length;
    this.send({ kind: 'snapshot', snapshot });
    return eventually(() => {
      const answer = this.messages.slice(from).find(message => message.kind === 'ack' || message.kind === 'nack');
      if (answer === undefined) throw new Error('no answer');
      return answer as Of<'ack'> | Of<'nack'>;
    });
  }

  /** Asks and waits for the reply's body. */
  async query(what: 'config' | 'stats' | 'exposition' | 'state'): Promise<unknown> {
    const id = this.messages.length + 1;
    this.send({ kind: 'query', id, what });
    return (await this.expect('reply', reply => reply.id === id)).body;
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }
}
