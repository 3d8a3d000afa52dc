import { Deadline, type Deadlines } from '../../async/deadline.ts';
import type { ClusterRuntime } from '../cluster/cluster-runtime.ts';
import type { EndpointPool } from '../cluster/endpoint-pool.ts';
import type { OutgoingRequest, ResponseHandler, UpstreamLoss, UpstreamStream } from '../exchange/upstream-stream.ts';
import type { ResponseHead } from '../http1/response-head.ts';

/** What questions need from the program. */
export interface QuestionParts {
  readonly deadlines: Deadlines;
  /** Monotonic ms. */
  now(): number;
  /** A bug while a question was on its way. */
  bug(error: unknown): void;
}

/** Takes what comes of a question: a `head`, after which, where its body matters, all or what came of that follows; or `failed`. Nothing after `giveUp`. */
export interface QuestionReader {
  /** The answer's head, valid only during the call. `true`: it says all. */
  head(head: ResponseHead): boolean;
  /** The answer's body, cut at `maxBodyBytes` or where the connection was lost: what the head said stays said. */
  body(body: Buffer): void;
  failed(reason: string): void;
}

/** Of a refusal's body; the rest of a longer one is left out. */
export const maxBodyBytes: number = 64 * 1024;
/** A connection that was kept may have gone stale, an endpoint may be down: another one is asked once, within the same time. */
const maxTries = 2;

/** One question to an authorizer on its way: a request without body whose answer is bounded in time and size. */
export class Question implements ResponseHandler {
  readonly #cluster: ClusterRuntime;
  readonly #request: OutgoingRequest;
  readonly #reader: QuestionReader;
  readonly #parts: QuestionParts;
  readonly #deadline = new Deadline(() => this.#guard(() => this.#late()));
  readonly #body: Buffer[] = [];
  #bytes = 0;
  #tries = 0;
  #triedAt = 0;
  #endpoint: EndpointPool | null = null;
  #stream: UpstreamStream | null = null;
  #giveUp: (() => void) | null = null;
  #answered = false;
  /** The reader has heard all it will. */
  #told = false;
  #over = false;

  constructor(cluster: ClusterRuntime, request: OutgoingRequest, reader: QuestionReader, parts: QuestionParts) {
    this.#cluster = cluster;
    this.#request = request;
    this.#reader = reader;
    this.#parts = parts;
  }

  /** Asks; the reader may hear of it at once. */
  ask(timeoutMs: number): void {
    if (!this.#cluster.begin()) {
      this.#told = true;
      this.#over = true;
      this.#reader.failed('overflow');
      return;
    }
    this.#parts.deadlines.of(timeoutMs).arm(this.#deadline);
    this.#guard(() => this.#try(false));
  }

  /** Nobody wants to know any more. */
  giveUp(): void {
    this.#told = true;
    this.#stop();
  }

  #try(fresh: boolean): void {
    const before = this.#endpoint;
    this.#leave();
    // A kept connection that was stale says nothing of the endpoint.
    const endpoint = fresh ? before : this.#cluster.pick(before);
    if (endpoint === null) {
      this.#end('no_healthy_upstream');
      return;
    }
    this.#tries++;
    this.#triedAt = this.#parts.now();
    this.#endpoint = endpoint;
    endpoint.active++;
    let opened = false;
    const giveUp = endpoint.open(
      // Nobody said that it speaks HTTP/2, and its sidecar passes on what it is spoken to.
      this.#cluster.cluster.protocol === 'http2' ? 'http2' : 'http1',
      stream => {
        opened = true;
        this.#guard(() => this.#send(stream));
      },
      (failure, detail) => {
        opened = true;
        this.#guard(() => this.#lost(failure === 'overflow' ? failure : `${failure}: ${detail}`, false));
      },
      fresh,
    );
    if (!opened) this.#giveUp = giveUp;
  }

  #send(stream: UpstreamStream): void {
    this.#giveUp = null;
    this.#stream = stream;
    stream.send(this.#request, '', this);
    stream.end();
    stream.flush();
  }

  /** A try came to nothing. */
  #lost(reason: string, stale: boolean): void {
    this.#giveUp = null;
    this.#stream = null;
    if (!stale && !this.#answered) this.#outcome(null);
    if (this.#tries < maxTries && !this.#answered && reason !== 'overflow') this.#try(stale);
    else this.#end(reason);
  }

  #late(): void {
    if (!this.#answered) this.#outcome(null);
    this.#end('timeout');
  }

  #end(reason: string): void {
    const told = this.#told;
    this.#told = true;
    this.#stop();
    if (told) return;
    if (this.#answered) this.#reader.body(Buffer.concat(this.#body));
    else this.#reader.failed(reason);
  }

  #stop(): void {
    if (this.#over) return;
    this.#over = true;
    this.#deadline.disarm();
    this.#giveUp?.();
    this.#giveUp = null;
    this.#stream?.cancel();
    this.#stream = null;
    this.#leave();
    this.#cluster.end();
  }

  #leave(): void {
    if (this.#endpoint !== null) this.#endpoint.active--;
    this.#endpoint = null;
  }

  /** Balancers and outlier detection learn from questions as from calls. */
  #outcome(status: number | null): void {
    this.#endpoint?.outcome(status ?? 'local-error', this.#parts.now() - this.#triedAt);
  }

  #guard(act: () => void): void {
    if (this.#over) return;
    try {
      act();
    } catch (error) {
      this.#parts.bug(error);
      this.#end('bug');
    }
  }

  response(head: ResponseHead): boolean {
    this.#outcome(head.status);
    this.#answered = true;
    this.#told = this.#reader.head(head);
    return true;
  }

  piece(bytes: Buffer, from: number, to: number): void {
    const room = maxBodyBytes - this.#bytes;
    const end = Math.min(to, from + room);
    // Lent memory: what is kept is copied.
    if (!this.#told && end > from) this.#body.push(Buffer.from(bytes.subarray(from, end)));
    this.#bytes += to - from;
    if (this.#bytes > maxBodyBytes) this.#end('');
  }

  responseEnded(): void {
    this.#stream = null;
    this.#end('');
  }

  responseLost(loss: UpstreamLoss): void {
    const stream = this.#stream;
    this.#lost(loss, stream?.reused === true && !stream.answered);
  }

  interim(): void {}
  tunnelOpened(): void {}
  trailers(): void {}
  turnEnded(): void {}
  upstreamDrained(): void {}
}
