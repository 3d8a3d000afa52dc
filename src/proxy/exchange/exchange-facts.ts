import type { GrpcCallMessages } from '../../telemetry/grpc-messages.ts';
import type { ResponseFlag } from '../../telemetry/response-flag.ts';
import type { EndpointPool } from '../cluster/endpoint-pool.ts';
import { field } from '../http1/known-field.ts';
import type { RequestHead } from '../http1/request-head.ts';
import type { OpenTap } from '../tap/taps.ts';
import type { ExchangeClient } from './exchange-client.ts';
import type { Decision } from './exchange-role.ts';

const nothing: Decision['asked'] = [];

/** What is known about an exchange, for its way through the proxy and for its record. Used again for every exchange of a connection. */
export class ExchangeFacts {
  readonly decision: Decision = {
    cluster: null,
    route: null,
    head: '',
    requestId: '',
    trace: null,
    requests: null,
    token: null,
    clientAddress: '',
    asked: nothing,
    tokenProblem: null,
    path: '',
    marks: '',
    matched: -1,
    delayMs: 0,
    cut: 'no',
    bandwidth: 0,
    mirrors: [],
    hash: null,
    lines: '',
    replaced: 0,
    answerLines: '',
    editAnswer: null,
  };
  method = '';
  target = '';
  authority = '';
  userAgent = '';
  forwardedFor = '';
  protocol: ExchangeClient['protocol'] = 'HTTP/1.1';
  /** 0 until the answer begins. */
  status = 0;
  /** `null`: not a gRPC call; the empty string: no status came. */
  grpcStatus: string | null = null;
  flag: ResponseFlag = '-';
  details = '';
  transportFailure = '';
  serviceTime = '';
  bytesReceived = 0;
  bytesSent = 0;
  /** `null`: not a gRPC call. */
  messages: GrpcCallMessages | null = null;
  /** Monotonic ms. */
  startedAt = 0;
  /** `null`: nobody watches it. */
  tap: OpenTap | null = null;
  /** Tries so far. */
  attempt = 0;
  /** The endpoint of the last try. */
  endpoint: EndpointPool | null = null;

  /** Begins the facts of a new exchange. */
  begin(head: RequestHead | null, startedAt: number, forLog: boolean, protocol: ExchangeClient['protocol']): void {
    this.startedAt = startedAt;
    this.method = head?.method ?? '';
    this.target = head?.target ?? '';
    this.authority = head?.authority ?? '';
    this.protocol = protocol;
    this.status = 0;
    this.grpcStatus = null;
    this.flag = '-';
    this.details = '';
    this.transportFailure = '';
    this.serviceTime = '';
    this.bytesReceived = 0;
    this.bytesSent = 0;
    this.messages = null;
    this.attempt = 0;
    this.tap = null;
    if (!forLog || head === null) return;
    this.userAgent = head.value(field.userAgent);
    this.forwardedFor = head.value(field.forwardedFor);
  }

  note(flag: ResponseFlag, details: string): void {
    this.flag = flag;
    this.details = details;
  }

  /** Takes back what was decided; what was found out about the request (its id, and what was waited for) stays. */
  decideAnew(): void {
    const { decision } = this;
    decision.cluster = null;
    decision.route = null;
    decision.requests = null;
    decision.token = null;
    decision.head = '';
    decision.path = '';
    decision.marks = '';
    decision.matched = -1;
    decision.delayMs = 0;
    decision.cut = 'no';
    decision.bandwidth = 0;
    decision.mirrors = [];
    decision.hash = null;
    decision.lines = '';
    decision.replaced = 0;
    decision.answerLines = '';
    decision.editAnswer = null;
    decision.clientAddress = '';
  }

  /** Lets go of everything that would keep memory while the connection is idle. */
  release(): void {
    this.decideAnew();
    this.decision.requestId = '';
    this.decision.trace = null;
    this.decision.asked = nothing;
    this.decision.tokenProblem = null;
    this.endpoint = null;
    this.tap = null;
    this.target = '';
    this.authority = '';
    this.userAgent = '';
    this.forwardedFor = '';
  }
}
