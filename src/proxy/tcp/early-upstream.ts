import type { Socket } from 'node:net';
import type { TcpUpstream } from '../data-plane.ts';

/** A raw TCP upstream that is dialled before it is known whether it will be used: the proxy takes it over as it is, or it is given up unused. */
export class EarlyUpstream implements TcpUpstream {
  readonly name: string;
  readonly #plan: TcpUpstream;
  /** Whoever is to be told: the sniffer, then the proxy. */
  #onConnected: (socket: Socket) => void;
  #onFailed: (detail: string) => void;
  #onSpoken: () => void;
  #socket: Socket | null = null;
  #failure: string | null = null;
  #giveUp = (): void => {};

  /** `onServer` is called once when the server has sent something, has ended or cannot be reached, unless taken over or given up before. */
  constructor(plan: TcpUpstream, onServer: () => void) {
    this.name = plan.name;
    this.#plan = plan;
    this.#onConnected = socket => this.#listen(socket);
    this.#onFailed = onServer;
    this.#onSpoken = onServer;
  }

  dial(): void {
    this.#giveUp = this.#plan.open(
      socket => {
        this.#socket = socket;
        this.#onConnected(socket);
      },
      detail => {
        this.#failure = detail;
        this.#onFailed(detail);
      },
    );
  }

  #listen(socket: Socket): void {
    socket.on('data', this.#onData).on('end', this.#onEnd).on('error', this.#onLost).on('close', this.#onLost);
    socket.resume();
  }

  /** The socket is again as the connector gave it: paused, with none of our listeners. */
  #release(): void {
    this.#socket?.off('data', this.#onData).off('end', this.#onEnd).off('error', this.#onLost).off('close', this.#onLost).pause();
  }

  readonly #onData = (bytes: Buffer): void => {
    this.#release();
    this.#socket?.unshift(bytes);
    this.#onSpoken();
  };

  readonly #onEnd = (): void => {
    this.#release();
    this.#onSpoken();
  };

  readonly #onLost = (): void => {
    this.#release();
    this.#failure = 'closed before it was used';
    // Its last error may come after our listener is off.
    this.#socket?.on('error', () => {}).destroy();
    this.#onSpoken();
  };

  open(onConnected: (socket: Socket) => void, onFailed: (detail: string) => void): () => void {
    this.#release();
    this.#onConnected = onConnected;
    this.#onFailed = onFailed;
    if (this.#failure !== null) onFailed(this.#failure);
    else if (this.#socket !== null) onConnected(this.#socket);
    return () => this.#giveUp();
  }

  closed(received: number, sent: number): void {
    this.#plan.closed(received, sent);
  }

  /** It is not needed: closes what was opened. */
  drop(): void {
    this.#release();
    this.#giveUp();
    this.#socket?.on('error', () => {}).destroy();
    this.closed(0, 0);
  }
}
