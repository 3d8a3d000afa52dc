import { Deadline } from '../../async/deadline.ts';
import type { EndpointPool } from '../cluster/endpoint-pool.ts';
import type { ConnectFailure } from '../data-plane.ts';
import { type BodyLength, chunkedBody, untilClose } from '../http1/framing.ts';
import { bit, field } from '../http1/known-field.ts';
import type { RequestHead } from '../http1/request-head.ts';
import { lengthFields, type ResponseHead } from '../http1/response-head.ts';
import { abandoned, type ResponseHandler, type UpstreamConnection, type UpstreamLoss } from '../http1/upstream-connection.ts';
import { ExchangeFacts } from './exchange-facts.ts';
import type { ExchangeParts } from './exchange-parts.ts';
import { recordExchange } from './exchange-record.ts';
import { type Failure, type LocalReply, localReplies, replyText } from './failure.ts';
import type { Http1Client } from './http1-client.ts';
import { ReplayBuffer } from './replay-buffer.ts';
import { backoffMs, isIdempotent, retriesFailure, retriesStatus } from './retry.ts';

const phase = { none: 0, trying: 1, answering: 2, tunnel: 3 } as const;

/** One request and its answer with its facts. One object per client connection, used again for each exchange. */
export class Exchange implements ResponseHandler {
  readonly client: Http1Client;
  readonly parts: ExchangeParts;
  readonly facts: ExchangeFacts = new ExchangeFacts();
  wantsTunnel = false;
  dataOnly = false;
  #phase: number = phase.none;
  #upstream: UpstreamConnection | null = null;
  #giveUp: (() => void) | null = null;
  #requestDone = false;
  #keepAlive = true;
  #enchunk = false;
  #staleTried = false;
  #triedAt = 0;
  readonly #replay = new ReplayBuffer();
  /** Counted in `endpoint.active`. */
  #onEndpoint = false;
  readonly #timeout = new Deadline(() => this.parts.guard(this.client, () => this.#timedOut('timeout')));
  readonly #tryTimeout = new Deadline(() => this.parts.guard(this.client, () => this.#timedOut('per-try-timeout')));

  constructor(client: Http1Client, parts: ExchangeParts) {
    this.client = client;
    this.parts = parts;
  }

  get active(): boolean {
    return this.#phase !== phase.none;
  }

  /** A request's head is complete: everything about its way is decided here, on the tables of this moment. */
  begin(head: RequestHead, keepAlive: boolean): void {
    this.#begin(head, keepAlive);
    const failure = this.client.role.decide(head, this.facts.decision);
    if (failure === null) this.#try();
    else if (typeof failure === 'string') this.#fail(failure);
    else this.#reply(failure);
  }

  /** A request that could not be read. */
  refuse(failure: Failure): void {
    this.#begin(null, false);
    this.parts.metrics.refuse(localReplies[failure].status);
    this.#reply(localReplies[failure]);
  }

  /** The next piece of the request's body, or of the client's bytes in a tunnel. */
  requestPiece(bytes: Buffer, from: number, to: number): void {
    this.facts.bytesReceived += to - from;
    if (this.#phase === phase.none) return;
    const up = this.#upstream;
    if (this.#phase === phase.trying) this.#replay.add(bytes, from, to, up === null);
    if (up !== null) {
      up.writer.piece(bytes, from, to);
      if (up.writer.full) this.client.pauseReading();
    } else if (this.#replay.full) this.client.pauseReading();
  }

  requestTrailers(lines: string): void {
    const bytes = Buffer.from(lines, 'latin1');
    this.requestPiece(bytes, 0, bytes.length);
  }

  /** The request is complete: from now on the timeouts run. */
  requestEnded(): void {
    this.#requestDone = true;
    if (this.#phase === phase.none) return;
    const timeoutMs = this.facts.decision.route?.timeoutMs ?? null;
    if (timeoutMs !== null) this.parts.deadlines.of(timeoutMs).arm(this.#timeout);
    this.#armTryTimeout();
  }

  /** All of the client's input of this turn has been handed on. */
  flushRequest(): void {
    this.#upstream?.writer.flush();
  }

  /** The client's connection is gone. */
  clientGone(): void {
    if (this.#phase === phase.none) return;
    this.#dropUpstream();
    if (this.#phase !== phase.tunnel) this.facts.note('DC', 'downstream_remote_disconnect');
    this.#finish();
  }

  /** The request's body broke its framing or stalled: the server must not see it complete. */
  clientBroke(failure: Failure): void {
    this.#dropUpstream();
    this.#keepAlive = false;
    this.parts.metrics.refuse(localReplies[failure].status);
    if (this.#phase === phase.trying) this.#fail(failure);
    else if (this.#phase !== phase.none) this.#truncated(failure);
  }

  /** The client has ended its side of the tunnel. */
  clientEnded(): void {
    this.#upstream?.writer.flush();
    this.#upstream?.stream.end();
  }

  /** The client takes bytes again. */
  clientDrained(): void {
    this.#upstream?.resume();
  }

  #begin(head: RequestHead | null, keepAlive: boolean): void {
    this.facts.begin(head, this.parts.clock.monotonic(), this.parts.logsAccess());
    this.#phase = phase.trying;
    this.#keepAlive = keepAlive;
    this.wantsTunnel = head?.websocket ?? false;
    this.dataOnly = head?.minor === 0;
    this.#requestDone = head?.body === 0;
    this.#enchunk = false;
    this.#staleTried = false;
  }

  /** Sends the request to an endpoint, another one than before where there is one. */
  #try(): void {
    const { cluster } = this.facts.decision;
    if (cluster === null) {
      this.#fail('no-cluster');
      return;
    }
    const endpoint = cluster.pick(this.facts.endpoint);
    if (endpoint === null) {
      this.#fail('no-healthy-upstream');
      return;
    }
    this.facts.endpoint = endpoint;
    this.facts.attempt++;
    this.#onEndpoint = true;
    endpoint.active++;
    const pooled = endpoint.take();
    if (pooled === null) this.#connect(endpoint);
    else this.#send(pooled);
  }

  #connect(endpoint: EndpointPool): void {
    this.#giveUp = endpoint.connect(
      connection =>
        this.parts.guard(this.client, () => {
          this.#giveUp = null;
          this.#send(connection);
          this.flushRequest();
        }),
      (failure, detail) =>
        this.parts.guard(this.client, () => {
          this.#giveUp = null;
          this.#connectFailed(failure, detail);
        }),
    );
  }

  #connectFailed(failure: ConnectFailure, detail: string): void {
    this.facts.transportFailure = failure === 'timeout' ? 'connection_timeout' : `${failure}:${detail}`.replaceAll(' ', '_');
    this.#lost(failure === 'timeout' ? 'connect-timeout' : 'connect-failed');
  }

  #send(connection: UpstreamConnection): void {
    this.#upstream = connection;
    connection.use(this);
    const count = this.client.role.callerSide ? `x-envoy-attempt-count: ${this.facts.attempt}\r\n\r\n` : '\r\n';
    connection.writer.text(this.facts.decision.head + count);
    this.#replay.send(connection.writer);
    this.#triedAt = this.facts.attempt === 1 ? this.facts.startedAt : this.parts.clock.monotonic();
    if (this.#requestDone) {
      connection.writer.flush();
      this.#armTryTimeout();
    } else if (!connection.writer.full) this.client.resumeReading();
  }

  #armTryTimeout(): void {
    const ms = this.facts.decision.route?.retry?.perTryTimeoutMs ?? null;
    if (ms !== null && this.#upstream !== null) this.parts.deadlines.of(ms).arm(this.#tryTimeout);
  }

  interim(head: ResponseHead): void {
    if (this.facts.minor === 1) this.client.writer.text(`${head.forward(lengthFields, '')}\r\n`);
  }

  tunnelOpened(head: ResponseHead): void {
    this.#timeout.disarm();
    this.#tryTimeout.disarm();
    this.#phase = phase.tunnel;
    this.#keepAlive = false;
    this.facts.note('-', 'via_upstream');
    this.facts.status = 101;
    this.client.writer.text(`${head.forward(lengthFields, 'Connection: Upgrade\r\nUpgrade: websocket\r\n')}\r\n`);
    this.client.tunnel();
    this.client.resumeReading();
  }

  response(head: ResponseHead): BodyLength {
    const { status } = head;
    const retry = this.facts.decision.route?.retry ?? null;
    if (retry !== null && status >= 400 && retriesStatus(retry, this.facts.method, status)) {
      if (this.#mayTryAgain(retry.attempts)) {
        this.#dropUpstream();
        this.#tryAgain();
        return abandoned;
      }
      if (this.facts.attempt > 1) this.facts.flag = 'URX';
    }
    this.#tryTimeout.disarm();
    this.#phase = phase.answering;
    this.#replay.clear();
    this.facts.status = status;
    this.facts.details = 'via_upstream';
    if (!this.#requestDone) this.#keepAlive = false;
    const empty = status === 204 || status === 304 || this.facts.method === 'HEAD';
    const length = empty ? 0 : head.body;
    this.#enchunk = length === untilClose && this.facts.minor === 1;
    let extra = '';
    if (this.#enchunk || length === chunkedBody) {
      if (this.facts.minor === 1) extra = 'Transfer-Encoding: chunked\r\n';
      else this.#keepAlive = false;
    } else if (length === untilClose) this.#keepAlive = false;
    if (this.client.role.callerSide) {
      this.facts.serviceTime = String(Math.round(this.parts.clock.monotonic() - this.#triedAt));
      extra += `x-envoy-upstream-service-time: ${this.facts.serviceTime}\r\n`;
    }
    if (this.parts.draining()) this.#keepAlive = false;
    if (!this.#keepAlive) extra += 'Connection: close\r\n';
    else if (this.facts.minor === 0) extra += 'Connection: keep-alive\r\n';
    const cut = (this.client.role.callerSide ? bit(field.serviceTime) : 0) | (status === 204 ? lengthFields : 0);
    this.client.writer.text(`${head.forward(cut, extra)}\r\n`);
    return length;
  }

  piece(bytes: Buffer, from: number, to: number): void {
    const { writer } = this.client;
    this.facts.bytesSent += to - from;
    if (this.#enchunk) {
      writer.text(`${(to - from).toString(16)}\r\n`);
      writer.piece(bytes, from, to);
      writer.text('\r\n');
    } else writer.piece(bytes, from, to);
    if (writer.full) this.#upstream?.pause();
  }

  trailers(lines: string): void {
    this.client.writer.text(lines);
  }

  turnEnded(): void {
    this.client.writer.flush();
    if (this.client.writer.full) this.#upstream?.pause();
  }

  upstreamDrained(): void {
    this.client.resumeReading();
  }

  responseEnded(reusable: boolean): void {
    const connection = this.#upstream;
    const { endpoint } = this.facts;
    this.#upstream = null;
    this.#leaveEndpoint();
    if (connection !== null) {
      if (reusable && this.#requestDone && endpoint !== null) endpoint.put(connection);
      else connection.destroy();
    }
    if (this.#enchunk) this.client.writer.text('0\r\n\r\n');
    if (!this.#requestDone) this.#keepAlive = false;
    this.client.writer.flush();
    this.#finish();
    this.client.exchangeEnded(this.#keepAlive);
  }

  responseLost(loss: UpstreamLoss): void {
    const connection = this.#upstream;
    this.#upstream = null;
    if (
      this.#phase === phase.trying &&
      connection !== null &&
      connection.uses > 1 &&
      !connection.answered &&
      this.#isSafeRepeat()
    ) {
      // The server ended an idle connection while the request was on its way: not the endpoint's fault, and nothing was done twice.
      this.#staleTried = true;
      const { endpoint } = this.facts;
      if (endpoint !== null) {
        this.#connect(endpoint);
        return;
      }
    }
    switch (loss) {
      case 'closed':
        this.#lost('upstream-closed');
        return;
      case 'reset':
        this.#lost('upstream-reset');
        return;
      case 'protocol':
        this.#lost('upstream-protocol');
        return;
      case 'head-too-large':
        this.#lost('upstream-head-too-large');
        return;
    }
  }

  #isSafeRepeat(): boolean {
    return !this.#staleTried && this.#replay.complete && isIdempotent(this.facts.method);
  }

  /** This try is over without an answer. */
  #lost(failure: Failure): void {
    this.#leaveEndpoint();
    if (this.#phase !== phase.trying) {
      this.#truncated(failure);
      return;
    }
    const retry = this.facts.decision.route?.retry ?? null;
    if (retry !== null && retriesFailure(retry, this.facts.method, failure) && this.#mayTryAgain(retry.attempts))
      this.#tryAgain();
    else this.#fail(failure);
  }

  #mayTryAgain(attempts: number): boolean {
    return this.facts.attempt <= attempts && this.#replay.complete;
  }

  #tryAgain(): void {
    const policy = this.facts.decision.route?.retry ?? null;
    if (policy === null) return;
    this.#tryTimeout.disarm();
    const again = (): void => {
      this.#giveUp = null;
      this.#try();
      this.flushRequest();
    };
    const ms = backoffMs(policy, this.facts.attempt, this.parts.random.next());
    this.#giveUp = this.parts.clock.after(ms, () => this.parts.guard(this.client, again));
  }

  /** The answer began and cannot be completed. */
  #truncated(failure: Failure): void {
    const wasTunnel = this.#phase === phase.tunnel;
    if (!wasTunnel) this.facts.note(localReplies[failure].flag, localReplies[failure].details);
    this.client.writer.flush();
    this.#finish();
    if (wasTunnel) this.client.exchangeEnded(false);
    else this.client.abort();
  }

  #timedOut(failure: 'timeout' | 'per-try-timeout'): void {
    const wasTrying = this.#phase === phase.trying;
    if (failure === 'per-try-timeout' && this.#upstream !== null && wasTrying) {
      this.#upstream.destroy();
      this.#upstream = null;
      this.#lost(failure);
      return;
    }
    this.#dropUpstream();
    if (wasTrying) this.#fail(failure);
    else if (this.#phase === phase.answering) this.#truncated(failure);
  }

  #fail(failure: Failure): void {
    this.#reply(localReplies[failure]);
  }

  #reply(answer: LocalReply): void {
    this.facts.status = answer.status;
    this.facts.note(answer.flag, answer.details);
    // The rest of a half-read request must not be taken for the next one.
    const close = answer.close || !this.#keepAlive || !this.#requestDone || this.parts.draining();
    const http10 = this.facts.minor === 0 && !close ? 'Connection: keep-alive\r\n' : '';
    this.client.writer.text(replyText(answer, close, this.facts.method === 'HEAD', http10));
    this.facts.bytesSent = answer.body.length;
    this.client.writer.flush();
    this.#finish();
    this.client.exchangeEnded(!close);
  }

  /** Takes this exchange off its endpoint. */
  #dropUpstream(): void {
    this.#giveUp?.();
    this.#giveUp = null;
    this.#upstream?.destroy();
    this.#upstream = null;
    this.#leaveEndpoint();
  }

  #leaveEndpoint(): void {
    if (this.#onEndpoint && this.facts.endpoint !== null) this.facts.endpoint.active--;
    this.#onEndpoint = false;
  }

  #finish(): void {
    this.#phase = phase.none;
    this.#timeout.disarm();
    this.#tryTimeout.disarm();
    this.#replay.clear();
    recordExchange(this.facts, this.client, this.parts);
    this.facts.release();
  }
}
