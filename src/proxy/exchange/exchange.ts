import { GrpcCallMessages } from '../../telemetry/grpc-messages.ts';
import { healthCheckAgent } from '../cluster/health-checker.ts';
import { isWait } from '../filters/filter.ts';
import { bit, field } from '../http1/known-field.ts';
import { RequestHead } from '../http1/request-head.ts';
import type { ResponseHead } from '../http1/response-head.ts';
import { kept } from '../transport/read-buffer.ts';
import { Throttle } from '../transport/throttle.ts';
import { Attempts } from './attempts.ts';
import type { ExchangeClient } from './exchange-client.ts';
import { ExchangeFacts } from './exchange-facts.ts';
import type { ExchangeParts } from './exchange-parts.ts';
import { recordExchange } from './exchange-record.ts';
import { type Failure, type LocalReply, localReplies } from './failure.ts';
import { grpcReply, grpcStatusIn, grpcTimeoutMs, isGrpc } from './grpc.ts';
import { MirrorRequest } from './mirror.ts';
import { Timeouts } from './timeouts.ts';
import { goingAwayFrame, WebSocketFrames } from './websocket-frames.ts';

/** `silent`: the client waits for an answer that never comes. */
const phase = { none: 0, trying: 1, answering: 2, tunnel: 3, silent: 4 } as const;
/** One for all exchanges: a head is dealt with before the next one is read. */
const headAgain = new RequestHead();

/** One request and its answer with its facts: the client's side of it. One object per client connection or stream, used again for each exchange. */
export class Exchange {
  readonly client: ExchangeClient;
  readonly parts: ExchangeParts;
  readonly facts: ExchangeFacts = new ExchangeFacts();
  /** The request is gRPC, and so are the sidecar's own answers. */
  grpc = false;
  readonly #attempts = new Attempts(this);
  readonly #timeouts = new Timeouts(this);
  #phase: number = phase.none;
  #clientEnded = false;
  #serverEnded = false;
  #cancelWait: (() => void) | null = null;
  #mirrors: readonly MirrorRequest[] | null = null;
  #throttle: Throttle | null = null;
  #heldTrailers = '';
  /** In a tunnel. */
  #frames: WebSocketFrames | null = null;

  constructor(client: ExchangeClient, parts: ExchangeParts) {
    this.client = client;
    this.parts = parts;
  }

  /** Whether a server of which nobody said the version is spoken HTTP/2 to. */
  get keepsHttp2(): boolean {
    return this.client.protocol === 'HTTP/2' && (this.grpc || this.client.role.atEdge !== true);
  }

  get active(): boolean {
    return this.#phase !== phase.none;
  }

  get tunnelling(): boolean {
    return this.#phase === phase.tunnel;
  }

  /** A request's head is complete: everything about its way is decided here, on the tables of this moment; of a later one, where it has to wait first. */
  begin(head: RequestHead): void {
    this.#begin(head);
    const { overload } = this.parts;
    if (!overload.begin() && !this.#isHealthCheck(head) && overload.turnsAway()) {
      this.fail('overload');
      return;
    }
    this.#decide(head);
  }

  #decide(head: RequestHead): void {
    const { decision } = this.facts;
    const verdict = this.client.role.decide(head, decision);
    if (isWait(verdict)) {
      const kept = head.keep();
      this.#wait(
        resume => verdict.begin(resume),
        () => {
          this.facts.decideAnew();
          headAgain.restore(kept);
          this.#decide(headAgain);
        },
      );
    } else if (decision.delayMs === 0) this.#proceed(verdict);
    else {
      this.facts.flag = 'DI';
      this.#wait(
        resume => this.parts.clock.after(decision.delayMs, resume),
        () => this.#proceed(verdict),
      );
    }
  }

  /** Holds the request until `begin` calls its parameter, then does what comes `next`; unless the exchange is over before. */
  #wait(begin: (resume: () => void) => () => void, next: () => void): void {
    let over = false;
    let giveUp = (): void => {};
    this.#cancelWait = () => {
      over = true;
      giveUp();
    };
    giveUp = begin(() => {
      if (over) return;
      over = true;
      this.#cancelWait = null;
      this.guard(() => {
        next();
        this.flushRequest();
      });
    });
  }

  /** Callers' checks of the app beside this sidecar get through: else they would take a busy replica for a dead one. */
  #isHealthCheck(head: RequestHead): boolean {
    return !this.client.role.callerSide && head.value(field.userAgent) === healthCheckAgent;
  }

  /** A request that could not be read. */
  refuse(failure: Failure): void {
    this.#begin(null);
    this.parts.overload.begin();
    this.parts.metrics.refuse(localReplies[failure].status);
    this.fail(failure);
  }

  /** The next piece of the request's body, or of the client's bytes in a tunnel. */
  requestPiece(bytes: Buffer, from: number, to: number): void {
    this.facts.bytesReceived += to - from;
    this.facts.messages?.received.take(bytes, from, to);
    this.facts.tap?.requestBody?.add(bytes, from, to);
    if (this.#phase === phase.none || this.#phase === phase.silent) return;
    this.#timeouts.moved();
    this.#attempts.requestPiece(bytes, from, to);
    if (this.#mirrors !== null) for (const mirror of this.#mirrors) mirror.requestPiece(bytes, from, to);
  }

  requestTrailers(lines: string): void {
    if (this.#phase === phase.none || this.#phase === phase.silent) return;
    this.#attempts.requestTrailers(lines);
    if (this.#mirrors !== null) for (const mirror of this.#mirrors) mirror.requestTrailers(lines);
  }

  /** The request is complete: from now on the timeouts run. */
  requestEnded(): void {
    if (this.#phase === phase.none || this.#phase === phase.silent) return;
    this.#attempts.requestEnded();
    if (this.#mirrors !== null) for (const mirror of this.#mirrors) mirror.requestEnded();
    this.#timeouts.requestEnded();
  }

  /** All of the client's input of this turn has been handed on. */
  flushRequest(): void {
    this.#attempts.flush();
    if (this.#mirrors !== null) for (const mirror of this.#mirrors) mirror.flush();
  }

  /** The client's connection is gone. */
  clientGone(): void {
    if (this.#phase === phase.none) return;
    if (this.#phase !== phase.tunnel && this.#phase !== phase.silent) this.facts.note('DC', 'downstream_remote_disconnect');
    this.#finish();
  }

  /** The request's body broke its framing or stalled: the server must not see it complete. */
  clientBroke(failure: Failure): void {
    this.parts.metrics.refuse(localReplies[failure].status);
    if (this.#phase === phase.trying || this.#phase === phase.silent) this.fail(failure);
    else if (this.#phase !== phase.none) this.truncated(failure);
  }

  /** The client has ended its side: of a tunnel, or after a whole request, whose answer it may still wait for. */
  clientEnded(): void {
    if (this.#phase === phase.silent) {
      this.#finish();
      this.client.abort();
    }
    if (this.#phase !== phase.tunnel || this.#clientEnded) return;
    this.#clientEnded = true;
    this.#attempts.endTunnel();
    this.#tunnelEnd();
  }

  /** The client takes bytes again. */
  clientDrained(): void {
    if (this.#throttle === null) this.#attempts.resume();
    else this.#throttle.drained();
  }

  /** The sidecar is about to stop: a WebSocket would go on for ever, so its client is asked to find another way. */
  goAway(): void {
    if (this.#frames === null) return;
    this.#frames.leave();
    this.#takeLeave(this.#frames);
    this.client.flush();
  }

  /** The sidecar stops now. */
  cutOff(): void {
    if (this.#phase === phase.trying) this.fail('stopping');
    else if (this.#phase === phase.answering && this.grpc && this.client.protocol === 'HTTP/2') {
      const { flag, details } = localReplies.stopping;
      this.facts.note(flag, details);
      this.facts.grpcStatus = '14';
      this.client.trailers('grpc-status: 14\r\ngrpc-message: the sidecar stops\r\n');
      this.#endAnswer();
    } else if (this.#phase === phase.answering || this.#phase === phase.tunnel) this.truncated('stopping');
  }

  /** Rules refuse the client by now: what is no request any more ends, as none will be judged. */
  cutTunnel(): void {
    if (this.#phase !== phase.tunnel) return;
    this.facts.details = localReplies['access-denied'].details;
    this.truncated('access-denied');
  }

  #takeLeave(frames: WebSocketFrames): void {
    if (frames.takeLeave()) this.client.piece(goingAwayFrame, 0, goingAwayFrame.length);
  }

  /** ms until the request's timeout; `null`: it has none. */
  leftMs(): number | null {
    return this.#timeouts.leftMs();
  }

  /** Runs what a timer or a connection brought about. */
  guard(act: () => void): void {
    this.parts.guard(this.client, act);
  }

  #begin(head: RequestHead | null): void {
    this.facts.begin(head, this.parts.clock.monotonic(), this.parts.accessLog.on, this.client.protocol);
    if (this.parts.taps.active && head !== null) this.facts.tap = this.parts.taps.begin(head, this.client, this.facts.startedAt);
    this.#attempts.take(head);
    this.#phase = phase.trying;
    this.#clientEnded = false;
    this.#serverEnded = false;
    this.#timeouts.reset();
    this.grpc = head !== null && isGrpc(head);
    if (!this.grpc || head === null) return;
    this.facts.grpcStatus = '';
    this.facts.messages = new GrpcCallMessages();
    this.#timeouts.grpcMs = grpcTimeoutMs(head);
  }

  #proceed(verdict: Failure | LocalReply | null): void {
    const { decision } = this.facts;
    if (decision.cut !== 'no') this.#cut(decision.cut, verdict);
    else if (verdict === null) this.#forward();
    else if (typeof verdict === 'string') this.fail(verdict);
    else this.#reply(verdict);
  }

  /** No answer, on purpose. `verdict`: what the log is to say. */
  #cut(how: 'reset' | 'blackhole', verdict: Failure | LocalReply | null): void {
    const { flag, details } =
      typeof verdict === 'object' && verdict !== null ? verdict : { flag: 'FI' as const, details: `fault_${how}` };
    this.facts.note(flag, details);
    if (how === 'reset') {
      this.#finish();
      this.client.abort();
      return;
    }
    this.#phase = phase.silent;
    // What it still sends is read and thrown away, and its end seen.
    this.client.resumeReading();
  }

  #forward(): void {
    const { decision } = this.facts;
    if (decision.mirrors.length > 0)
      this.#mirrors = decision.mirrors.map(cluster => new MirrorRequest(cluster, this.#attempts.request, this));
    if (decision.bandwidth > 0) this.#throttle = this.#makeThrottle(decision.bandwidth);
    this.#timeouts.start(this.#attempts.requestDone);
    this.#attempts.start();
  }

  /** The answer that the client is to get begins. */
  answer(head: ResponseHead): void {
    const { facts, client } = this;
    const { decision } = facts;
    this.#phase = phase.answering;
    this.#timeouts.moved();
    facts.status = head.status;
    facts.details = 'via_upstream';
    if (facts.tap !== null) facts.tap.answerHead = head.forward(0, '');
    // In the head where the answer is of trailers alone.
    if (this.grpc && head.body === 0) facts.grpcStatus = grpcStatusIn(head.forward(0, ''));
    let lines = decision.answerLines;
    if (decision.editAnswer !== null) lines += decision.editAnswer(head);
    let cut = 0;
    if (client.role.callerSide) {
      facts.serviceTime = String(Math.round(this.parts.clock.monotonic() - this.#attempts.triedAt));
      lines += `x-envoy-upstream-service-time: ${facts.serviceTime}\r\n`;
      cut = bit(field.serviceTime);
    }
    client.answer(head, cut, lines, head.body);
  }

  /** A piece of the answer, or of the server's bytes in a tunnel. */
  answerPiece(bytes: Buffer, from: number, to: number): void {
    this.#timeouts.moved();
    if (this.#throttle === null) this.#sendPiece(bytes, from, to);
    else {
      this.#throttle.add(kept(bytes, from, to));
      if (this.#throttle.full) this.#attempts.pause();
    }
  }

  #sendPiece(bytes: Buffer, from: number, to: number): void {
    const end = this.#frames === null ? to : this.#frames.pass(bytes, from, to);
    this.facts.bytesSent += end - from;
    this.facts.messages?.sent.take(bytes, from, end);
    this.facts.tap?.answerBody?.add(bytes, from, end);
    this.client.piece(bytes, from, end);
    if (this.#frames !== null) this.#takeLeave(this.#frames);
    if (this.client.full) this.#attempts.pause();
  }

  answerTrailers(lines: string): void {
    if (this.grpc) this.facts.grpcStatus = grpcStatusIn(lines);
    if (this.#throttle === null) this.client.trailers(lines);
    else this.#heldTrailers = lines;
  }

  answerTurnEnded(): void {
    this.client.flush();
    if (this.client.full) this.#attempts.pause();
  }

  /** The server's last byte was read. */
  answerEnded(): void {
    if (this.#throttle === null) this.#endAnswer();
    else this.#throttle.end();
  }

  /** The client has been sent everything. */
  #endAnswer(): void {
    if (this.#phase === phase.tunnel) {
      this.#serverEnded = true;
      this.client.endTunnel();
      this.#tunnelEnd();
      return;
    }
    this.client.end();
    this.client.flush();
    this.#finish();
    this.client.exchangeEnded();
  }

  #makeThrottle(bytesPerSecond: number): Throttle {
    this.#heldTrailers = '';
    return new Throttle(bytesPerSecond, this.parts.clock, {
      full: () => this.client.full,
      turn: act => this.guard(act),
      piece: (bytes, from, to) => this.#sendPiece(bytes, from, to),
      flush: () => this.client.flush(),
      resume: () => this.#attempts.resume(),
      end: () => {
        if (this.#heldTrailers !== '') this.client.trailers(this.#heldTrailers);
        this.#endAnswer();
      },
    });
  }

  tunnelOpened(head: ResponseHead): void {
    this.#timeouts.tunnelOpened();
    this.#phase = phase.tunnel;
    this.facts.note('-', 'via_upstream');
    if (this.facts.tap !== null) this.facts.tap.answerHead = head.forward(0, '');
    this.facts.status = head.status;
    this.#frames = new WebSocketFrames();
    const { trace } = this.facts.decision;
    if (trace !== null) this.parts.tracer.tunnelled(trace);
    this.client.tunnelOpened(head, this.facts.decision.answerLines);
    this.client.resumeReading();
  }

  /** Both sides have to end a tunnel. */
  #tunnelEnd(): void {
    if (!this.#clientEnded || !this.#serverEnded) return;
    this.#finish();
    this.client.exchangeEnded();
  }

  /** The answer began and cannot be completed. */
  truncated(failure: Failure): void {
    if (this.#phase !== phase.tunnel) this.facts.note(localReplies[failure].flag, localReplies[failure].details);
    this.client.flush();
    this.#finish();
    this.client.abort();
  }

  /** There is no answer: the client gets the sidecar's own. */
  fail(failure: Failure): void {
    this.#reply(localReplies[failure]);
  }

  /** One of the times is over. */
  timedOut(failure: 'timeout' | 'idle-timeout'): void {
    if (this.#phase === phase.trying) {
      this.#attempts.blame();
      if (this.grpc && failure === 'timeout') this.#reply({ ...localReplies.timeout, grpcStatus: 4 });
      else this.fail(failure);
    } else if (this.#phase === phase.answering || this.#phase === phase.tunnel) this.truncated(failure);
  }

  #reply(answer: LocalReply): void {
    const { facts } = this;
    const shown = this.grpc ? grpcReply(answer) : answer;
    facts.status = shown.status;
    if (this.grpc) facts.grpcStatus = grpcStatusIn(shown.lines ?? '');
    // Of a delay and what followed it, what followed; but a retry that had no room says more than the failure that asked for it.
    facts.note(answer.flag === '-' || facts.flag === 'UO' ? facts.flag : answer.flag, answer.details);
    facts.bytesSent = shown.body.length;
    this.client.reply(shown, facts.decision.answerLines);
    this.#finish();
    this.client.exchangeEnded();
  }

  #finish(): void {
    this.#phase = phase.none;
    this.parts.overload.end();
    this.#timeouts.stop();
    this.#attempts.stop();
    this.#cancelWait?.();
    this.#cancelWait = null;
    this.#frames = null;
    if (this.#mirrors !== null) for (const mirror of this.#mirrors) mirror.exchangeEnded();
    this.#mirrors = null;
    this.#throttle?.stop();
    this.#throttle = null;
    recordExchange(this.facts, this.client, this.parts);
    this.facts.release();
  }
}
