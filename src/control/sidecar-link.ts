/** The daemon's end of one control channel. @see snapshot/channel.ts for the messages and how the two ends know each other */
import { connect, type TLSSocket } from 'node:tls';
import { backoffMs } from '../async/backoff.ts';
import type { Clock } from '../async/clock.ts';
import type { DaemonSvid } from '../pki/authority.ts';
import { maxFrameBytes, protocolVersion, type QueryKind, type ToDaemon, type ToSidecar } from '../snapshot/channel.ts';
import type { ExplainRequest } from '../snapshot/explanation.ts';
import { encodeFrame, FrameReader } from '../snapshot/frame.ts';
import type { JudgedCall } from '../snapshot/judgement.ts';
import { messageOf } from '../text/message-of.ts';
import { ControlError } from './control-error.ts';
import { isExpectedKey, keyHashOf } from './control-key.ts';
import { decodeToDaemon } from './message.ts';
import { isShallow } from './reply-shape.ts';

/** What may wait for a sidecar: its snapshot, and as much again. */
const maxWaitingBytes = 2 * maxFrameBytes;

/** What a link needs from around it. */
export interface LinkOptions {
  readonly workload: string;
  /** On 127.0.0.1. */
  readonly port: number;
  readonly daemonVersion: string;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  /** The daemon's SVID as of now. `refused`: how many connections have ended before the hello; the sidecar may know another root. */
  readonly credentials: (refused: number) => Promise<DaemonSvid>;
  /** Hashes of control keys in the sidecar's log; asked again whenever an unknown key shows up. */
  readonly readControlKeys: (workload: string) => Promise<readonly string[]>;
  readonly timing?: Partial<LinkTiming>;
  readonly listener: LinkListener;
}

/** Times of a link, ms. */
export interface LinkTiming {
  /** From dialling to the sidecar's hello. */
  readonly helloMs: number;
  /** Between pings; a sidecar that has not answered one when the next is due has hung. */
  readonly pingMs: number;
  readonly firstRetryMs: number;
  /** A sidecar that came back is found within this, so it serves again well inside three seconds. */
  readonly maxRetryMs: number;
}

const defaultTiming: LinkTiming = { helloMs: 3000, pingMs: 2000, firstRetryMs: 25, maxRetryMs: 250 };

/** What a link tells. `lost` follows every `hello`, and comes alone when a connection never got that far. */
export interface LinkListener {
  hello(hello: Extract<ToDaemon, { kind: 'hello' }>): void;
  message(message: Exclude<ToDaemon, { kind: 'hello' | 'pong' | 'reply' }>): void;
  lost(reason: string, wasConnected: boolean): void;
}

interface Query {
  readonly resolve: (body: unknown) => void;
  readonly reject: (error: ControlError) => void;
  readonly cancel: () => void;
}

/** Keeps one channel up: dials, checks the key, dials again when it breaks. */
export class SidecarLink {
  readonly #options: LinkOptions;
  readonly #timing: LinkTiming;
  #keys: readonly string[] = [];
  #socket: TLSSocket | null = null;
  #connected = false;
  #closed = false;
  /** Tries since the last hello. */
  #tries = 0;
  /** Handshakes that no hello followed, ever: what worked once is tried first. */
  #refused = 0;
  #shaken = false;
  #nextId = 1;
  #unanswered: number | null = null;
  #cancelTimer: () => void = () => {};
  readonly #queries = new Map<number, Query>();

  /** Begins to dial at once. */
  constructor(options: LinkOptions) {
    this.#options = options;
    this.#timing = { ...defaultTiming, ...options.timing };
    void this.#dial();
  }

  /** Port on 127.0.0.1 that it dials. */
  get port(): number {
    return this.#options.port;
  }

  /** Whether hellos were exchanged and the connection stands. */
  get connected(): boolean {
    return this.#connected;
  }

  /** Sends a message; `false` when there is no connection. @throws FrameError when the message is too large for a frame */
  send(message: ToSidecar): boolean {
    if (!this.#connected || this.#socket === null) return false;
    // Who takes nothing of what it asks for is memory of the daemon.
    if (this.#socket.writableLength > maxWaitingBytes) {
      this.#socket.destroy(new Error('the sidecar does not read'));
      return false;
    }
    this.#socket.write(encodeFrame(message));
    return true;
  }

  /** Asks the sidecar. @throws ControlError `not-connected` or `timeout` */
  query(what: QueryKind, timeoutMs: number): Promise<unknown> {
    return this.#ask(id => ({ kind: 'query', id, what }), timeoutMs);
  }

  /** Asks what the sidecar would do with a request. @throws as `query` */
  explain(request: ExplainRequest, timeoutMs: number): Promise<unknown> {
    return this.#ask(id => ({ kind: 'explain', id, request }), timeoutMs);
  }

  /** Asks whether the sidecar would let a call in. @throws as `query` */
  judge(call: JudgedCall, timeoutMs: number): Promise<unknown> {
    return this.#ask(id => ({ kind: 'judge', id, call }), timeoutMs);
  }

  #ask(message: (id: number) => ToSidecar, timeoutMs: number): Promise<unknown> {
    const { workload, clock } = this.#options;
    return new Promise((resolve, reject) => {
      const id = this.#nextId++;
      if (!this.send(message(id))) {
        reject(new ControlError('not-connected', `${workload} is not connected`));
        return;
      }
      const cancel = clock.after(timeoutMs, () => {
        this.#queries.delete(id);
        reject(new ControlError('timeout', `${workload} did not answer in ${timeoutMs} ms`));
      });
      this.#queries.set(id, { resolve, reject, cancel });
    });
  }

  /** Ends the channel for good. The sidecar goes on with what it has. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#cancelTimer();
    this.#end('closed by the daemon');
  }

  async #dial(): Promise<void> {
    const { port, credentials, clock } = this.#options;
    let svid: DaemonSvid;
    try {
      svid = await credentials(this.#refused);
    } catch (error) {
      this.#lost(`no certificate for the daemon: ${messageOf(error)}`);
      return;
    }
    if (this.#closed) return;
    // The sidecar's certificate is self-signed: its key is compared with the log's hash below, before anything is sent.
    const socket = connect({
      host: '127.0.0.1',
      port,
      minVersion: 'TLSv1.3',
      cert: svid.chainPem,
      key: svid.privateKeyPem,
      rejectUnauthorized: false,
    });
    this.#socket = socket;
    this.#shaken = false;
    socket.setNoDelay(true);
    socket.on('error', error => this.#fail(socket, messageOf(error)));
    socket.on('close', () => this.#fail(socket, this.#closeReason()));
    socket.once('secureConnect', () => void this.#verify(socket));
    this.#cancelTimer = clock.after(this.#timing.helloMs, () =>
      this.#fail(socket, `no hello from the sidecar in ${this.#timing.helloMs} ms`),
    );
  }

  /** What the daemon's certificate was refused for, only the sidecar knows. */
  #closeReason(): string {
    return this.#shaken && !this.#connected
      ? 'the sidecar ended the connection before its hello: its log says why'
      : 'the connection ended';
  }

  async #verify(socket: TLSSocket): Promise<void> {
    this.#shaken = true;
    const { workload, readControlKeys, daemonVersion } = this.#options;
    const certificate = socket.getPeerX509Certificate();
    const hash = certificate === undefined ? '' : keyHashOf(certificate);
    if (!isExpectedKey(hash, this.#keys)) {
      // A sidecar that was restarted has a new key, and its log says so.
      try {
        this.#keys = await readControlKeys(workload);
      } catch (error) {
        this.#fail(socket, `the sidecar's log cannot be read: ${messageOf(error)}`);
        return;
      }
      if (socket !== this.#socket) return;
      if (!isExpectedKey(hash, this.#keys)) {
        this.#fail(socket, "the key in the handshake is not one from the sidecar's log");
        return;
      }
    }
    const reader = new FrameReader();
    socket.on('data', (chunk: Buffer) => {
      try {
        for (const message of reader.push(chunk)) {
          if (socket === this.#socket) this.#take(socket, decodeToDaemon(message));
        }
      } catch (error) {
        this.#fail(socket, messageOf(error));
      }
    });
    socket.write(encodeFrame({ kind: 'hello', protocol: protocolVersion, daemonVersion } satisfies ToSidecar));
  }

  #take(socket: TLSSocket, message: ToDaemon): void {
    const { workload, listener } = this.#options;
    if (message.kind === 'hello') {
      if (this.#connected) throw new ControlError('protocol', 'a second hello from the sidecar');
      if (message.protocol !== protocolVersion)
        throw new ControlError('protocol', `the sidecar speaks protocol ${message.protocol}, this daemon ${protocolVersion}`);
      if (message.workload !== workload)
        throw new ControlError('protocol', `the sidecar says it is ${JSON.stringify(message.workload.slice(0, 80))}`);
      this.#connected = true;
      this.#tries = 0;
      this.#unanswered = null;
      this.#schedulePing(socket);
      listener.hello(message);
      return;
    }
    if (!this.#connected) throw new ControlError('protocol', `${message.kind} before hello`);
    switch (message.kind) {
      case 'pong':
        if (message.id === this.#unanswered) this.#unanswered = null;
        return;
      case 'reply': {
        if (!isShallow(message.body)) throw new ControlError('protocol', 'an answer of the sidecar is too deep');
        const query = this.#queries.get(message.id);
        this.#queries.delete(message.id);
        query?.cancel();
        query?.resolve(message.body);
        return;
      }
      default:
        listener.message(message);
    }
  }

  #schedulePing(socket: TLSSocket): void {
    this.#cancelTimer();
    this.#cancelTimer = this.#options.clock.after(this.#timing.pingMs, () => {
      if (this.#unanswered !== null) {
        this.#fail(socket, `no answer to a ping in ${this.#timing.pingMs} ms`);
        return;
      }
      this.#unanswered = this.#nextId++;
      this.send({ kind: 'ping', id: this.#unanswered });
      this.#schedulePing(socket);
    });
  }

  /** Each connection ends once, with its first reason. */
  #fail(socket: TLSSocket, reason: string): void {
    if (socket !== this.#socket) return;
    this.#end(reason);
  }

  #end(reason: string): void {
    this.#socket?.destroy();
    this.#socket = null;
    for (const query of this.#queries.values()) {
      query.cancel();
      query.reject(new ControlError('not-connected', `${this.#options.workload}: ${reason}`));
    }
    this.#queries.clear();
    this.#lost(reason);
  }

  #lost(reason: string): void {
    const wasConnected = this.#connected;
    if (this.#shaken && !wasConnected) this.#refused++;
    this.#shaken = false;
    this.#connected = false;
    this.#cancelTimer();
    if (!this.#closed) this.#cancelTimer = this.#options.clock.after(this.#retryMs(), () => void this.#dial());
    this.#options.listener.lost(reason, wasConnected);
  }

  /** Shortened by up to a half at random: links that broke together do not all dial in the same moment. */
  #retryMs(): number {
    this.#tries++;
    return backoffMs(this.#tries, this.#timing.firstRetryMs, this.#timing.maxRetryMs) * (1 - this.#options.random() / 2);
  }
}
