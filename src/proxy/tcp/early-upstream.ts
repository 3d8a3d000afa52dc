import type { TcpUpstream } from '../data-plane.ts';
import type { ByteStream } from '../transport/byte-stream.ts';
import { kept } from '../transport/read-buffer.ts';

/** A raw TCP upstream that is dialled before it is known whether it will be used: the proxy takes it over as it is, or it is given up unused. */
export class EarlyUpstream implements TcpUpstream {
  readonly name: string;
  readonly #plan: TcpUpstream;
  /** Whoever is to be told: the sniffer, then the proxy. */
  #onConnected: (stream: ByteStream) => void;
  #onFailed: (detail: string) => void;
  #onSpoken: () => void;
  #stream: ByteStream | null = null;
  #spoken: Buffer | undefined;
  #failure: string | null = null;
  #giveUp = (): void => {};
  #dropped = false;

  /** `onServer` is called once when the server has sent something, has ended or cannot be reached, unless taken over or given up before. */
  constructor(plan: TcpUpstream, onServer: () => void) {
    this.name = plan.name;
    this.#plan = plan;
    this.#onConnected = stream => this.#listen(stream);
    this.#onFailed = onServer;
    this.#onSpoken = onServer;
  }

  dial(): void {
    this.#giveUp = this.#plan.open(
      stream => {
        this.#stream = stream;
        this.#onConnected(stream);
      },
      detail => {
        this.#failure = detail;
        this.#onFailed(detail);
      },
    );
  }

  #listen(stream: ByteStream): void {
    const spoke = (): void => {
      stream.pause();
      this.#onSpoken();
    };
    stream.readBy({
      bytes: (bytes, from, to) => {
        this.#spoken = kept(bytes, from, to);
        spoke();
      },
      ended: spoke,
      drained() {},
      closed: () => {
        this.#failure = 'closed before it was used';
        spoke();
      },
    });
    stream.resume();
  }

  open(onConnected: (stream: ByteStream, spoken?: Buffer) => void, onFailed: (detail: string) => void): () => void {
    this.#onSpoken = () => {};
    this.#onConnected = onConnected;
    this.#onFailed = onFailed;
    this.#stream?.pause();
    if (this.#failure !== null) onFailed(this.#failure);
    else if (this.#stream !== null) onConnected(this.#stream, this.#spoken);
    return () => this.#giveUp();
  }

  closed(received: number, sent: number): void {
    this.#plan.closed(received, sent);
  }

  /** It is not needed: closes what was opened. */
  drop(): void {
    if (this.#dropped) return;
    this.#dropped = true;
    this.#onSpoken = () => {};
    this.#onFailed = () => {};
    this.#giveUp();
    this.#stream?.destroy();
    this.closed(0, 0);
  }
}
