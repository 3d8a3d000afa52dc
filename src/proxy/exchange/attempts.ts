import { Deadline } from '../../async/deadline.ts';
import type { RetryPolicy } from '../../snapshot/route-rule.ts';
import type { EndpointPool } from '../cluster/endpoint-pool.ts';
import type { ConnectFailure } from '../data-plane.ts';
import { bit, field } from '../http1/known-field.ts';
import type { RequestHead } from '../http1/request-head.ts';
import type { ResponseHead } from '../http1/response-head.ts';
import type { Exchange } from './exchange.ts';
import type { Failure } from './failure.ts';
import { httpStatusOf } from './grpc.ts';
import { ReplayBuffer } from './replay-buffer.ts';
import { backoffMs, isIdempotent, retriesAnswer, retriesFailure } from './retry.ts';
import type { OutgoingRequest, ResponseHandler, UpstreamLoss, UpstreamStream } from './upstream-stream.ts';

const failures: Readonly<Record<UpstreamLoss, Failure>> = {
  closed: 'upstream-closed',
  reset: 'upstream-reset',
  refused: 'upstream-refused',
  protocol: 'upstream-protocol',
  'head-too-large': 'upstream-head-too-large',
};

/** The server's side of an exchange: one try after the other, until one gives an answer that the exchange takes. One object per exchange object. */
export class Attempts implements ResponseHandler {
  /** As it is sent; filled in by `take` and, but for the head, the same for all tries. */
  readonly request: { -readonly [K in keyof OutgoingRequest]: OutgoingRequest[K] } = {
    method: '',
    head: '',
    body: 0,
    upgrade: false,
    trailersWelcome: false,
  };
  readonly #exchange: Exchange;
  readonly #replay = new ReplayBuffer();
  readonly #tryTimeout = new Deadline(() => this.#exchange.guard(() => this.#tryTimedOut()));
  #stream: UpstreamStream | null = null;
  #giveUp: (() => void) | null = null;
  #requestDone = false;
  /** The exchange has taken an answer: nothing is tried again. */
  #answered = false;
  #staleTried = false;
  #triedAt = 0;
  /** Sides of the tunnel that have ended. */
  #tunnelEnds = 0;
  /** The pool has answered within its call. */
  #opened = false;
  /** Counted by the endpoint, by the cluster, and there as a retry. */
  #onEndpoint = false;
  #onCluster = false;
  #retrying = false;
  /** Endpoints of the tries before this one. */
  readonly #tried: EndpointPool[] = [];

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
  }

  /** The request has been read to its end. */
  get requestDone(): boolean {
    return this.#requestDone;
  }

  /** Monotonic ms at which the last try began. */
  get triedAt(): number {
    return this.#triedAt;
  }

  /** Takes down what a request is like. */
  take(head: RequestHead | null): void {
    this.request.method = head?.method ?? '';
    this.request.body = head?.body ?? 0;
    this.request.upgrade = head?.websocket ?? false;
    this.request.trailersWelcome =
      head?.fields.has(field.te) === true && /(^|,)\s*trailers\s*(,|;|$)/i.test(head.named('te') ?? '');
    this.#tunnelEnds = 0;
    this.#requestDone = head === null || head.body === 0;
    this.#answered = false;
    this.#staleTried = false;
  }

  /** Begins with the first try, as the exchange's decision says. */
  start(): void {
    const { cluster, head } = this.#exchange.facts.decision;
    if (cluster === null) this.#exchange.fail('no-cluster');
    else if (!cluster.begin()) this.#exchange.fail('overflow');
    else {
      this.#onCluster = true;
      this.request.head = head;
      this.#try();
    }
  }

  piece(bytes: Buffer, from: number, to: number): void {
    this.#exchange.answerPiece(bytes, from, to);
  }

  requestPiece(bytes: Buffer, from: number, to: number): void {
    const stream = this.#stream;
    if (!this.#answered) this.#replay.add(bytes, from, to, stream === null);
    if (stream !== null) {
      stream.piece(bytes, from, to);
      if (stream.full) this.#exchange.client.pauseReading();
    } else if (this.#replay.full) this.#exchange.client.pauseReading();
  }

  requestTrailers(lines: string): void {
    if (!this.#answered) this.#replay.trailers = lines;
    this.#stream?.trailers(lines);
  }

  requestEnded(): void {
    if (!this.#requestDone) this.#stream?.end();
    this.#requestDone = true;
    this.#armTryTimeout();
  }

  flush(): void {
    this.#stream?.flush();
  }

  pause(): void {
    this.#stream?.pause();
  }

  resume(): void {
    this.#stream?.resume();
  }

  endTunnel(): void {
    this.#stream?.endTunnel();
    if (++this.#tunnelEnds === 2) this.#stream = null;
  }

  /** Everything is over: gives up what still runs. */
  stop(): void {
    this.#giveUp?.();
    this.#giveUp = null;
    this.#stream?.cancel();
    this.#stream = null;
    this.#tryTimeout.disarm();
    this.#leaveEndpoint();
    this.#replay.clear();
    const { cluster } = this.#exchange.facts.decision;
    if (this.#retrying) cluster?.endRetry();
    if (this.#onCluster) cluster?.end();
    this.#retrying = false;
    this.#onCluster = false;
    if (this.#tried.length > 0) this.#tried.length = 0;
  }

  /** Gives up the try at hand; its endpoint is held to be at fault. */
  blame(): void {
    this.#outcome();
  }

  /** Sends the request to an endpoint, another one than before where there is one. */
  #try(): void {
    const { facts } = this.#exchange;
    const { cluster, hash } = facts.decision;
    const tried = this.#tried;
    const endpoint = (tried.length === 0 ? cluster?.pick(null, hash) : cluster?.pickOther(tried, hash)) ?? null;
    if (endpoint === null) {
      this.#exchange.fail('no-healthy-upstream');
      return;
    }
    facts.endpoint = endpoint;
    facts.attempt++;
    this.#onEndpoint = true;
    endpoint.active++;
    this.#triedAt = facts.attempt === 1 ? facts.startedAt : this.#exchange.parts.clock.monotonic();
    this.#open(endpoint, false);
  }

  #open(endpoint: EndpointPool, fresh: boolean): void {
    this.#giveUp = null;
    this.#opened = false;
    const giveUp = endpoint.open(this.#protocol(endpoint), this.#onStream, this.#onFailed, fresh);
    if (!this.#opened) this.#giveUp = giveUp;
  }

  readonly #onStream = (stream: UpstreamStream): void => {
    this.#opened = true;
    if (this.#giveUp === null) {
      this.#send(stream);
      return;
    }
    this.#giveUp = null;
    this.#exchange.guard(() => {
      this.#send(stream);
      stream.flush();
    });
  };

  readonly #onFailed = (failure: ConnectFailure | 'overflow', detail: string): void => {
    this.#opened = true;
    this.#giveUp = null;
    this.#exchange.guard(() => this.#notOpened(failure, detail));
  };

  /** What the cluster says; without a word the client's own version. A WebSocket handshake needs a connection of its own. */
  #protocol({ cluster }: EndpointPool): 'http1' | 'http2' {
    const wanted = cluster.protocol ?? 'preserve';
    if (wanted !== 'preserve') return wanted;
    return !this.request.upgrade && this.#exchange.keepsHttp2 ? 'http2' : 'http1';
  }

  #notOpened(failure: ConnectFailure | 'overflow', detail: string): void {
    if (failure === 'overflow') {
      this.#leaveEndpoint();
      this.#exchange.fail('overflow');
      return;
    }
    const { facts } = this.#exchange;
    facts.transportFailure = failure === 'timeout' ? 'connection_timeout' : `${failure}:${detail}`.replaceAll(' ', '_');
    this.#lost(failure === 'timeout' ? 'connect-timeout' : 'connect-failed');
  }

  #send(stream: UpstreamStream): void {
    this.#stream = stream;
    stream.send(this.request, this.#lines(), this);
    this.#replay.send(stream);
    if (this.#requestDone) {
      stream.end();
      stream.flush();
      this.#armTryTimeout();
    } else if (!stream.full) this.#exchange.client.resumeReading();
  }

  /** What changes from try to try. */
  #lines(): string {
    const { facts, client } = this.#exchange;
    if (!client.role.callerSide) return '';
    const count = (facts.decision.replaced & bit(field.attemptCount)) === 0 ? `x-envoy-attempt-count: ${facts.attempt}\r\n` : '';
    const leftMs = this.#exchange.leftMs();
    if (leftMs === null) return count;
    const perTryMs = facts.decision.route?.retry?.perTryTimeoutMs ?? leftMs;
    return `${count}x-envoy-expected-rq-timeout-ms: ${Math.max(1, Math.round(Math.min(leftMs, perTryMs)))}\r\n`;
  }

  #armTryTimeout(): void {
    const ms = this.#policy()?.perTryTimeoutMs ?? null;
    if (ms !== null && this.#stream !== null && !this.#answered) this.#exchange.parts.deadlines.of(ms).arm(this.#tryTimeout);
  }

  interim(head: ResponseHead): void {
    this.#exchange.client.interim(head);
  }

  tunnelOpened(head: ResponseHead): void {
    this.#accept(head);
    this.#exchange.tunnelOpened(head);
  }

  response(head: ResponseHead): boolean {
    const retry = this.#policy();
    if (retry !== null && retriesAnswer(retry, this.request.method, head) && this.#mayTryAgain(retry)) {
      this.#outcome(head);
      this.#stream?.cancel();
      this.#stream = null;
      this.#leaveEndpoint();
      this.#tryAgain(retry, String(head.status));
      return false;
    }
    this.#accept(head);
    this.#exchange.answer(head);
    return true;
  }

  #accept(head: ResponseHead): void {
    this.#outcome(head);
    this.#answered = true;
    this.#tryTimeout.disarm();
    this.#replay.clear();
  }

  trailers(lines: string): void {
    this.#exchange.answerTrailers(lines);
  }

  turnEnded(): void {
    this.#exchange.answerTurnEnded();
  }

  upstreamDrained(): void {
    this.#exchange.client.resumeReading();
  }

  responseEnded(): void {
    if (!this.#exchange.tunnelling || ++this.#tunnelEnds === 2) this.#stream = null;
    if (this.#stream === null) this.#leaveEndpoint();
    this.#exchange.answerEnded();
  }

  responseLost(loss: UpstreamLoss): void {
    const stream = this.#stream;
    const { endpoint } = this.#exchange.facts;
    this.#stream = null;
    if (!this.#answered && stream?.reused === true && !stream.answered && endpoint !== null && this.#isSafeRepeat()) {
      // The server ended an idle connection while the request was on its way: not the endpoint's fault, and nothing was done twice.
      this.#staleTried = true;
      this.#open(endpoint, true);
    } else this.#lost(failures[loss]);
  }

  #isSafeRepeat(): boolean {
    return !this.#staleTried && this.#replay.complete && isIdempotent(this.request.method);
  }

  #tryTimedOut(): void {
    if (this.#stream === null || this.#answered) return;
    this.#stream.cancel();
    this.#stream = null;
    this.#lost('per-try-timeout');
  }

  /** This try is over without an answer, or its answer is cut short. */
  #lost(failure: Failure): void {
    if (!this.#answered) this.#outcome();
    this.#leaveEndpoint();
    if (this.#answered) {
      this.#exchange.truncated(failure);
      return;
    }
    const retry = this.#policy();
    if (retry !== null && retriesFailure(retry, this.request.method, failure) && this.#mayTryAgain(retry))
      this.#tryAgain(retry, failure);
    else this.#exchange.fail(failure);
  }

  #policy(): RetryPolicy | null {
    return this.#exchange.facts.decision.route?.retry ?? null;
  }

  /** Whether there may be another try; it then counts as one that is under way. */
  #mayTryAgain({ attempts }: RetryPolicy): boolean {
    const { facts } = this.#exchange;
    if (!this.#replay.complete) return false;
    if (facts.attempt > attempts) {
      if (facts.attempt > 1) facts.flag = 'URX';
      return false;
    }
    if (this.#retrying) facts.decision.cluster?.endRetry();
    this.#retrying = facts.decision.cluster?.beginRetry() ?? false;
    if (!this.#retrying) facts.flag = 'UO';
    return this.#retrying;
  }

  /** `outcome`: why, as the trace says it. */
  #tryAgain(policy: RetryPolicy, outcome: string): void {
    const { parts, facts } = this.#exchange;
    if (facts.decision.trace !== null) parts.tracer.retried(facts.decision.trace, facts, outcome);
    this.#tryTimeout.disarm();
    if (facts.endpoint !== null) this.#tried.push(facts.endpoint);
    const again = (): void => {
      this.#giveUp = null;
      this.#try();
      this.flush();
    };
    const ms = backoffMs(policy, facts.attempt, parts.random.next());
    this.#giveUp = parts.clock.after(ms, () => this.#exchange.guard(again));
  }

  /** Tells the endpoint how the try went. `null`: no answer came. */
  #outcome(head: ResponseHead | null = null): void {
    const { endpoint } = this.#exchange.facts;
    if (endpoint === null || endpoint.state.watcher === null) return;
    const durationMs = this.#exchange.parts.clock.monotonic() - this.#triedAt;
    const status = head !== null && this.#exchange.grpc ? head.named('grpc-status') : null;
    endpoint.outcome(head === null ? 'local-error' : status === null ? head.status : httpStatusOf(status), durationMs);
  }

  #leaveEndpoint(): void {
    const { facts } = this.#exchange;
    if (this.#onEndpoint && facts.endpoint !== null) facts.endpoint.active--;
    this.#onEndpoint = false;
  }
}
