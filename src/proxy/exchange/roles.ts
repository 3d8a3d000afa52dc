import type { RandomSource } from '../../async/random.ts';
import type { EdgeRequests } from '../../telemetry/mesh-metrics.ts';
import type { Downstream } from '../data-plane.ts';
import type { Caller } from '../filters/filter.ts';
import { bit, field } from '../http1/known-field.ts';
import type { RequestHead } from '../http1/request-head.ts';
import { pathOf } from '../route/path.ts';
import type { RouteTableRuntime } from '../route/route-table.ts';
import type { InboundRuntime, Tables } from '../tables.ts';
import type { Decision, ExchangeRole } from './exchange-role.ts';
import type { Failure, LocalReply } from './failure.ts';

/** Who the caller is comes from its certificate; whatever it claims in a header is taken out. */
const claims = bit(field.clientCert);
const callerCut = claims | bit(field.attemptCount) | bit(field.originalPath);
const gatewayCut = callerCut | bit(field.forwardedFor) | bit(field.forwardedProto) | bit(field.serviceTime);
/** A client in the mesh keeps its connection for an hour, as in Envoy; a stranger for little more than a minute. */
const meshKeepAliveMs = 3_600_000;
const strangerKeepAliveMs = 75_000;

/** What the roles need from the data plane. */
export interface RoleParts {
  /** The tables of this moment. */
  readonly tables: () => Tables | null;
  readonly random: RandomSource;
}

/** Requests that the app sends, or that come in at a gateway: routed by the table. */
abstract class RoutingRole implements ExchangeRole {
  readonly callerSide = true;
  readonly unrouted: EdgeRequests;
  abstract readonly keepAliveMs: number;
  protected abstract readonly cut: number;
  protected abstract readonly fixedLines: string;
  protected readonly parts: RoleParts;

  constructor(unrouted: EdgeRequests, parts: RoleParts) {
    this.unrouted = unrouted;
    this.parts = parts;
  }

  protected abstract table(tables: Tables): RouteTableRuntime | null;

  decide(head: RequestHead, decision: Decision): Failure | null {
    // First: refusals are found in the log by it too.
    const known = head.fields.has(field.requestId);
    decision.requestId = known ? head.value(field.requestId) : this.parts.random.uuid();
    const tables = this.parts.tables();
    const table = tables === null ? null : this.table(tables);
    if (table === null) return 'no-route';
    const route = table.find(head, pathOf(head.target));
    if (route === null) return 'no-route';
    decision.route = route;
    decision.cluster = route.split(this.parts.random.next);
    if (decision.cluster === null) return 'no-cluster';
    decision.head = head.forward(this.cut, known ? this.fixedLines : `${this.fixedLines}x-request-id: ${decision.requestId}\r\n`);
    return null;
  }
}

/** The app's own requests, intercepted. */
export class OutboundRole extends RoutingRole {
  readonly keepAliveMs = meshKeepAliveMs;
  protected readonly cut = callerCut;
  protected readonly fixedLines = '';
  readonly #listener: string;

  /** `listener`: key in `Tables.outbound`. */
  constructor(listener: string, unrouted: EdgeRequests, parts: RoleParts) {
    super(unrouted, parts);
    this.#listener = listener;
  }

  protected table(tables: Tables): RouteTableRuntime | null {
    return tables.outbound.get(this.#listener)?.table ?? null;
  }
}

/** Requests from outside the mesh. */
export class GatewayRole extends RoutingRole {
  readonly keepAliveMs = strangerKeepAliveMs;
  protected readonly cut = gatewayCut;
  protected readonly fixedLines: string;
  readonly #port: number;

  constructor(downstream: Downstream, unrouted: EdgeRequests, parts: RoleParts) {
    super(unrouted, parts);
    this.#port = downstream.localPort;
    this.fixedLines = `x-forwarded-for: ${downstream.remoteAddress}\r\nx-forwarded-proto: http\r\n`;
  }

  protected table(tables: Tables): RouteTableRuntime | null {
    return tables.gateway.get(this.#port)?.table ?? null;
  }
}

/** Requests of peers to the app beside this sidecar. */
export class InboundRole implements ExchangeRole {
  readonly callerSide = false;
  readonly unrouted: EdgeRequests;
  readonly keepAliveMs: number;
  readonly #port: number;
  readonly #caller: Caller;
  readonly #identityLine: string;
  readonly #parts: RoleParts;

  /** `own`: SPIFFE ID of the app's service. */
  constructor(downstream: Downstream, own: string, requests: EdgeRequests, parts: RoleParts) {
    const { peer } = downstream;
    this.unrouted = requests;
    this.keepAliveMs = peer === null ? strangerKeepAliveMs : meshKeepAliveMs;
    this.#port = downstream.localPort;
    this.#caller = { principal: peer?.spiffeId ?? null };
    this.#identityLine =
      peer === null ? '' : `x-forwarded-client-cert: By=${own};Hash=${peer.certificateHash};Subject="";URI=${peer.spiffeId}\r\n`;
    this.#parts = parts;
  }

  decide(head: RequestHead, decision: Decision): Failure | LocalReply | null {
    const inbound: InboundRuntime | undefined = this.#parts.tables()?.inbound.get(this.#port);
    if (inbound === undefined) return 'no-route';
    decision.requests = this.unrouted;
    decision.cluster = inbound.cluster;
    for (const filter of inbound.filters) {
      const failure = filter(head, this.#caller, decision);
      if (failure !== null) return failure;
    }
    const known = head.fields.has(field.requestId);
    decision.requestId = known ? head.value(field.requestId) : this.#parts.random.uuid();
    decision.head = head.forward(
      claims,
      known ? this.#identityLine : `${this.#identityLine}x-request-id: ${decision.requestId}\r\n`,
    );
    return null;
  }
}
