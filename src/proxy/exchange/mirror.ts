import { Deadline } from '../../async/deadline.ts';
import type { ClusterRuntime } from '../cluster/cluster-runtime.ts';
import type { EndpointPool } from '../cluster/endpoint-pool.ts';
import type { Exchange } from './exchange.ts';
import { ReplayBuffer } from './replay-buffer.ts';
import type { OutgoingRequest, ResponseHandler, UpstreamStream } from './upstream-stream.ts';

/** A copy that nobody answers must not hold its connection for ever. */
const mirrorMs = 60_000;

/**
 * A copy of a request on its way to another cluster. Nothing of it touches the exchange: it is sent once, its answer is thrown away, and where it cannot
 * keep up it is given up.
 */
export class MirrorRequest implements ResponseHandler {
  readonly #waiting = new ReplayBuffer();
  readonly #deadline: Deadline;
  readonly #cluster: ClusterRuntime;
  readonly #guard: (act: () => void) => void;
  #endpoint: EndpointPool | null = null;
  #stream: UpstreamStream | null = null;
  #giveUp: (() => void) | null = null;
  #requestDone: boolean;
  #over = false;

  constructor(cluster: ClusterRuntime, request: OutgoingRequest, { facts, parts, keepsHttp2 }: Exchange) {
    this.#cluster = cluster;
    this.#requestDone = request.body === 0;
    this.#guard = act => {
      if (!this.#over) parts.guard({ abort: () => this.#stop() }, act);
    };
    this.#deadline = new Deadline(() => this.#guard(() => this.#stop()));
    const copy = { ...request, head: facts.decision.head, upgrade: false };
    const protocol = cluster.cluster.protocol ?? 'preserve';
    const version = protocol !== 'preserve' ? protocol : keepsHttp2 ? 'http2' : 'http1';
    this.#guard(() => {
      const endpoint = request.upgrade ? null : cluster.pick(null, facts.decision.hash);
      if (endpoint === null || !cluster.begin()) {
        this.#over = true;
        return;
      }
      this.#endpoint = endpoint;
      endpoint.active++;
      parts.deadlines.of(mirrorMs).arm(this.#deadline);
      const giveUp = endpoint.open(
        version,
        stream => this.#guard(() => this.#send(stream, copy)),
        () => this.#guard(() => this.#stop()),
      );
      if (this.#stream === null && !this.#over) this.#giveUp = giveUp;
    });
  }

  requestPiece(bytes: Buffer, from: number, to: number): void {
    this.#guard(() => {
      if (this.#stream === null) this.#waiting.add(bytes, from, to, false);
      else this.#stream.piece(bytes, from, to);
      if (this.#stream === null ? !this.#waiting.complete : this.#stream.full) this.#stop();
    });
  }

  requestTrailers(lines: string): void {
    this.#guard(() => {
      if (this.#stream === null) this.#waiting.trailers = lines;
      else this.#stream.trailers(lines);
    });
  }

  requestEnded(): void {
    this.#guard(() => {
      if (!this.#requestDone) this.#stream?.end();
      this.#requestDone = true;
    });
  }

  flush(): void {
    this.#guard(() => this.#stream?.flush());
  }

  /** The client has its answer, or is gone: a copy that is complete goes on alone. */
  exchangeEnded(): void {
    if (!this.#requestDone) this.#guard(() => this.#stop());
  }

  #send(stream: UpstreamStream, request: OutgoingRequest): void {
    this.#stream = stream;
    this.#giveUp = null;
    stream.send(request, '', this);
    this.#waiting.send(stream);
    this.#waiting.clear();
    if (this.#requestDone) stream.end();
    stream.flush();
  }

  #stop(): void {
    if (this.#over) return;
    this.#over = true;
    this.#deadline.disarm();
    this.#giveUp?.();
    this.#stream?.cancel();
    this.#waiting.clear();
    if (this.#endpoint === null) return;
    this.#endpoint.active--;
    this.#cluster.end();
  }

  responseEnded(): void {
    this.#stream = null;
    this.#stop();
  }

  responseLost(): void {
    this.#stream = null;
    this.#stop();
  }

  response(): boolean {
    return true;
  }

  interim(): void {}
  tunnelOpened(): void {}
  piece(): void {}
  trailers(): void {}
  turnEnded(): void {}
  upstreamDrained(): void {}
}
