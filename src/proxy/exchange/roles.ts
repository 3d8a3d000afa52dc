import type { RandomSource } from '../../async/random.ts';
import type { GatewayClients, Snapshot } from '../../snapshot/snapshot.ts';
import type { EdgeRequests } from '../../telemetry/mesh-metrics.ts';
import { callerOf } from '../access/admitted-connections.ts';
import type { CallRecord } from '../call-record.ts';
import type { Downstream } from '../data-plane.ts';
import { type Caller, passFilters, type Verdict } from '../filters/filter.ts';
import { bit, field } from '../http1/known-field.ts';
import type { RequestHead } from '../http1/request-head.ts';
import { decodedPath, pathOf } from '../route/path.ts';
import type { InboundRuntime, Routing, Tables } from '../tables.ts';
import type { Tracer } from '../tracing/tracer.ts';
import type { Decision, ExchangeRole } from './exchange-role.ts';

/** Who the caller is comes from its certificate; whatever it claims in a header is taken out. */
const claims = bit(field.clientCert);
/** Lines that no caller may set. */
export const callerCut = claims | bit(field.attemptCount) | bit(field.expectedTimeout) | bit(field.originalPath);
const gatewayCut = callerCut | bit(field.forwardedFor) | bit(field.forwardedProto) | bit(field.serviceTime) | bit(field.envoy);
/** A client in the mesh keeps its connection for an hour, as in Envoy; a stranger for little more than a minute. */
export const meshKeepAliveMs = 3_600_000;
const strangerKeepAliveMs = 75_000;

/** What the roles need from the data plane. */
export interface RoleParts {
  /** The tables of this moment. */
  readonly tables: () => Tables | null;
  readonly random: RandomSource;
  /** Who calls the app, while somebody watches. */
  readonly calls: CallRecord;
  readonly tracer: Tracer;
}

/** A line that the sidecar adds to requests by itself, unless a rule puts its own in its place. */
interface OwnLine {
  readonly field: number;
  readonly line: string;
}

/** Requests that the app sends, or that come in at a gateway: routed by the table. */
export abstract class RoutingRole implements ExchangeRole {
  readonly callerSide = true;
  readonly unrouted: EdgeRequests;
  abstract readonly keepAliveMs: number;
  readonly atEdge: boolean = false;
  protected abstract readonly cut: number;
  protected abstract readonly caller: Caller;
  protected readonly parts: RoleParts;
  readonly #own: readonly OwnLine[];
  readonly #ownLines: string;
  /** What a connection was served by until its listener was taken away: the request that crossed it still goes its way. */
  #last: Routing | null = null;

  constructor(unrouted: EdgeRequests, parts: RoleParts, own: readonly OwnLine[]) {
    this.unrouted = unrouted;
    this.parts = parts;
    this.#own = own;
    this.#ownLines = own.map(({ line }) => line).join('');
  }

  /** `null`: there is no such listener any more. */
  protected abstract routing(tables: Tables): Routing | null;

  listed(): boolean {
    const tables = this.parts.tables();
    return tables !== null && this.routing(tables) !== null;
  }

  decide(head: RequestHead, decision: Decision): Verdict {
    // First: refusals are found in the log by it too. After a wait it is still the same.
    const known = head.fields.has(field.requestId);
    decision.requestId = known ? head.value(field.requestId) : decision.requestId || this.parts.random.uuid();
    // Refusals have a span too.
    this.parts.tracer.begin(head, decision, this.atEdge === true ? 'edge' : 'app');
    const tables = this.parts.tables();
    const routing = tables === null ? null : (this.routing(tables) ?? this.#last);
    if (routing === null) return 'no-route';
    this.#last = routing;
    const refused = passFilters(routing.filters, head, this.caller, decision);
    if (refused !== null) return refused;
    const found = routing.table?.find(head, pathOf(head.target), decision.token) ?? null;
    if (found === null) return 'no-route';
    decision.route = found.route;
    decision.matched = found.matched;
    const end = passFilters(found.route.filters, head, this.caller, decision);
    if (end !== null) return end;
    const cut = decision.trace === null ? this.cut : this.cut | decision.trace.cut;
    decision.head = head.forward(cut, this.#lines(decision, known) + decision.lines);
    return null;
  }

  #lines({ replaced, requestId, trace }: Decision, known: boolean): string {
    const id = known || (replaced & bit(field.requestId)) !== 0 ? '' : `x-request-id: ${requestId}\r\n`;
    const context = trace === null ? '' : trace.lines;
    if (replaced === 0) return this.#ownLines + id + context;
    return `${this.#own.map(own => ((replaced & bit(own.field)) === 0 ? own.line : '')).join('')}${id}${context}`;
  }
}

/** The app's own requests, intercepted. */
export class OutboundRole extends RoutingRole {
  readonly keepAliveMs = meshKeepAliveMs;
  protected readonly cut = callerCut;
  protected readonly caller: Caller;
  readonly #listener: string;

  /** `listener`: key in `Tables.outbound`. */
  constructor(downstream: Downstream, listener: string, unrouted: EdgeRequests, parts: RoleParts) {
    super(unrouted, parts, []);
    this.caller = { principal: null, address: downstream.remoteAddress, scheme: 'http' };
    this.#listener = listener;
  }

  protected routing(tables: Tables): Routing | null {
    return tables.outbound.get(this.#listener) ?? null;
  }
}

/** Requests from outside the mesh. */
export class GatewayRole extends RoutingRole {
  readonly peer: string;
  readonly serverName: string;
  readonly keepAliveMs = strangerKeepAliveMs;
  protected readonly cut = gatewayCut;
  override readonly atEdge = true;
  protected readonly caller: Caller;
  readonly #port: number;
  /** What clients were asked for when this one came. */
  readonly #clients: GatewayClients | undefined;

  constructor(downstream: Downstream, unrouted: EdgeRequests, parts: RoleParts) {
    const { localPort, remoteAddress } = downstream;
    const tls = parts.tables()?.gateway.get(localPort)?.listener.tls;
    const scheme = tls === undefined ? 'http' : 'https';
    const { clientCertificate } = downstream;
    super(unrouted, parts, [
      ...(clientCertificate === undefined
        ? []
        : [{ field: field.clientCert, line: `x-forwarded-client-cert: ${clientCertificate}\r\n` }]),
      { field: field.forwardedFor, line: `x-forwarded-for: ${remoteAddress}\r\n` },
      { field: field.forwardedProto, line: `x-forwarded-proto: ${scheme}\r\n` },
    ]);
    this.caller = { ...callerOf(downstream), scheme, ...(clientCertificate === undefined ? {} : { clientCertificate }) };
    this.peer = this.caller.principal ?? '';
    this.serverName = downstream.serverName ?? '';
    this.#port = localPort;
    this.#clients = tls?.clients;
  }

  /** What came in does not outlive what was asked of it. */
  override listed(): boolean {
    const clients = this.parts.tables()?.gateway.get(this.#port)?.listener.tls?.clients;
    return super.listed() && clients?.mode === this.#clients?.mode && clients?.caPem === this.#clients?.caPem;
  }

  refused(): boolean {
    return this.parts.tables()?.gateway.get(this.#port)?.access?.of(this.caller).refusesAll === true;
  }

  protected routing(tables: Tables): Routing | null {
    return tables.gateway.get(this.#port) ?? null;
  }
}

/** Requests of peers to the app beside this sidecar. */
export class InboundRole implements ExchangeRole {
  readonly callerSide = false;
  readonly peer: string;
  readonly serverName: string;
  readonly unrouted: EdgeRequests;
  readonly keepAliveMs: number;
  readonly #port: number;
  readonly #caller: Caller;
  /** What the certificate says, as an element of `x-forwarded-client-cert`; the empty string for plaintext. */
  readonly #client: string;
  readonly #ownLine: string;
  readonly #isEdge: boolean;
  readonly #plaintext: boolean;
  readonly #parts: RoleParts;

  constructor(
    downstream: Downstream,
    { identity, edges = [] }: Pick<Snapshot, 'identity' | 'edges'>,
    requests: EdgeRequests,
    parts: RoleParts,
  ) {
    const { peer } = downstream;
    this.unrouted = requests;
    this.keepAliveMs = peer === null ? strangerKeepAliveMs : meshKeepAliveMs;
    this.#port = downstream.localPort;
    this.#caller = { ...callerOf(downstream), scheme: 'http', certificates: head => this.#certificates(head) };
    this.peer = peer?.spiffeId ?? '';
    this.#client = peer === null ? '' : `By=${identity};Hash=${peer.certificateHash};Subject="";URI=${peer.spiffeId}`;
    this.serverName = downstream.serverName ?? '';
    this.#ownLine = peer === null ? '' : `x-forwarded-client-cert: ${this.#client}\r\n`;
    this.#isEdge = peer !== null && edges.includes(peer.spiffeId);
    this.#plaintext = downstream.admitted === 'plaintext';
    this.#parts = parts;
  }

  listed(): boolean {
    const inbound = this.#parts.tables()?.inbound.get(this.#port);
    // What came in as plaintext does not outlive the mode that let it in.
    return inbound !== undefined && !(this.#plaintext && inbound.listener.mtls === 'strict');
  }

  refused(): boolean {
    return this.#parts.tables()?.inbound.get(this.#port)?.access?.of(this.#caller).refusesAll === true;
  }

  /**
   * What a gateway says was put there at the edge: the caller's element goes behind it, as in Istio. From others nothing is kept: a sidecar takes out what its
   * app claims, but only where it saw that the app speaks HTTP.
   */
  #certificates(head: RequestHead): string {
    if (!this.#isEdge || !head.fields.has(field.clientCert)) return this.#client;
    return `${head.named('x-forwarded-client-cert')},${this.#client}`;
  }

  #identityLine(head: RequestHead): string {
    if (!this.#isEdge || !head.fields.has(field.clientCert)) return this.#ownLine;
    return `x-forwarded-client-cert: ${this.#certificates(head)}\r\n`;
  }

  decide(head: RequestHead, decision: Decision): Verdict {
    const known = head.fields.has(field.requestId);
    decision.requestId = known ? head.value(field.requestId) : decision.requestId || this.#parts.random.uuid();
    this.#parts.tracer.begin(head, decision, 'server');
    const inbound: InboundRuntime | undefined = this.#parts.tables()?.inbound.get(this.#port);
    if (inbound === undefined) return 'no-route';
    decision.requests = this.unrouted;
    decision.cluster = inbound.cluster;
    const end = passFilters(inbound.filters, head, this.#caller, decision);
    if (this.#parts.calls.watched) this.#note(head, end);
    if (end !== null) return end;
    const identity = this.#identityLine(head);
    const id = known ? identity : `${identity}x-request-id: ${decision.requestId}\r\n`;
    const { trace } = decision;
    decision.head = trace === null ? head.forward(claims, id) : head.forward(claims | trace.cut, id + trace.lines);
    return null;
  }

  /** For whoever watches who calls: what the access rules let through or refused, and nothing else. */
  #note({ method, target }: RequestHead, end: Verdict): void {
    const refused = end !== null && typeof end === 'object' && 'details' in end && end.details.startsWith('rbac_');
    if ((end === null || refused) && target !== '*')
      this.#parts.calls.request(this.#caller.principal, this.#port, method, decodedPath(pathOf(target)), !refused);
  }
}
