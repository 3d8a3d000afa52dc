import type { Clock } from '../../async/clock.ts';
import {
  maxTappedPerMessage,
  maxTappedPerSecond,
  type TapEvent,
  type TapOrder,
  type Tapped,
  tapLifeMs,
} from '../../snapshot/tap.ts';
import { maskTarget } from '../../telemetry/mask.ts';
import type { Edge } from '../../telemetry/mesh-metrics.ts';
import { knownName } from '../edges.ts';
import type { ExchangeClient } from '../exchange/exchange-client.ts';
import type { ExchangeFacts } from '../exchange/exchange-facts.ts';
import type { RequestHead } from '../http1/request-head.ts';
import { pathOf } from '../route/path.ts';
import { BodyCapture } from './body-capture.ts';
import { cut, shownFields } from './tapped-head.ts';

/** How long an event may wait for others, in ms. */
const flushMs = 100;
/** Heads and bodies that wait to be sent, in characters; what is beyond them is shed. */
const maxWaiting = 512 * 1024;
/** Exchanges whose heads are kept at a time: others are counted, not told. */
const maxOpen = 1_024;
/** What heads and bodies of exchanges under way may take together; beyond it exchanges are told without bodies, or not. */
const maxKeptBytes = 8 * 1024 * 1024;

/** A watcher, and what may still be told it in this second. */
interface Watcher {
  readonly order: TapOrder;
  left: number;
  dropped: number;
}

/** An exchange that may be told when it is over. */
export interface OpenTap {
  readonly watchers: readonly Watcher[];
  readonly requestHead: string;
  answerHead: string;
  /** Set aside for its head and bodies. */
  readonly keptBytes: number;
  /** `null`: nobody asked for bodies. */
  readonly requestBody: BodyCapture | null;
  readonly answerBody: BodyCapture | null;
}

/** A raw TCP connection as its upstream side knows it. */
export interface TapConnection {
  readonly edge: Edge;
  readonly principal: string;
  readonly remoteAddress: string;
  readonly upstreamAddress: string;
  readonly flag: string;
  readonly startMs: number;
  readonly durationMs: number;
  readonly bytesReceived: number;
  readonly bytesSent: number;
}

/** Tells watchers of what passes. Nothing is kept while nobody watches; what is too much is dropped and counted, and holds nothing up. */
export class Taps {
  readonly #clock: Clock;
  /** Somebody watches. */
  active = false;
  #watchers: readonly Watcher[] = [];
  #tell: (message: Tapped) => boolean = () => false;
  #events: Tapped['events'][number][] = [];
  #waiting = 0;
  /** Exchanges that are under way and may be told, and what is set aside for them. */
  #open = 0;
  #keptBytes = 0;
  #second = 0;
  #forget: (() => void) | null = null;
  #flushing: (() => void) | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** What is told from now on, for `tapLifeMs`, unless it is said again. */
  use(orders: readonly TapOrder[], tell: (message: Tapped) => boolean): void {
    const known = new Map(this.#watchers.map(watcher => [watcher.order.id, watcher]));
    this.#watchers = orders.map(order => {
      const before = known.get(order.id);
      // Another daemon counts from the beginning.
      const same = before !== undefined && JSON.stringify(before.order) === JSON.stringify(order);
      return same ? before : { order, left: maxTappedPerSecond, dropped: 0 };
    });
    this.#tell = tell;
    this.active = orders.length > 0;
    this.#forget?.();
    this.#forget = this.active ? this.#clock.after(tapLifeMs, () => this.use([], () => false)) : null;
    if (this.active) return;
    this.#flushing?.();
    this.#flushing = null;
    this.#events = [];
    this.#waiting = 0;
  }

  /** A request has begun. `null`: nobody wants to hear of it, or nobody could. `now`: monotonic ms. */
  begin(head: RequestHead, { role }: ExchangeClient, now: number): OpenTap | null {
    let found: Watcher[] | null = null;
    this.#renew(now);
    for (const watcher of this.#watchers) {
      const { order } = watcher;
      if (order.at !== 'both' && role.callerSide !== (order.at === 'source')) continue;
      // At the source a rule has still to say who is called.
      if (!role.callerSide && !concerns(order, role.unrouted.edge)) continue;
      if (order.method !== '' && order.method !== head.method) continue;
      if (order.path !== '' && !pathOf(head.target).startsWith(order.path)) continue;
      if (!hasHeaders(order, head)) continue;
      // Where the answer changes nothing any more, what is too much is dropped at once: at a high rate that is nearly all.
      if (!this.#hasRoom(watcher) && isSettled(order, role.callerSide)) {
        this.#drop(watcher);
        continue;
      }
      found ??= [];
      found.push(watcher);
    }
    if (found === null) return null;
    const { text } = head.keep();
    if (this.#open >= maxOpen || this.#keptBytes + text.length > maxKeptBytes) {
      for (const watcher of found) this.#drop(watcher);
      return null;
    }
    this.#open++;
    let body = 0;
    for (const { order } of found) body = Math.max(body, order.bodyBytes);
    if (this.#keptBytes + text.length + 2 * body > maxKeptBytes) body = 0;
    const keptBytes = text.length + 2 * body;
    this.#keptBytes += keptBytes;
    return {
      watchers: found,
      requestHead: text,
      answerHead: '',
      keptBytes,
      requestBody: body === 0 ? null : new BodyCapture(body),
      answerBody: body === 0 ? null : new BodyCapture(body),
    };
  }

  /** The exchange is over. */
  end(tap: OpenTap, facts: ExchangeFacts, client: ExchangeClient, edge: Edge, durationMs: number): void {
    this.#open--;
    this.#keptBytes -= tap.keptBytes;
    if (!this.active) return;
    let wanted: Watcher[] | null = null;
    for (const watcher of tap.watchers) {
      const { order } = watcher;
      if (!this.#watchers.includes(watcher) || !hasStatus(order, facts.status) || !concerns(order, edge)) continue;
      if (!this.#allows(watcher)) continue;
      wanted ??= [];
      wanted.push(watcher);
    }
    if (wanted === null) return;
    const { decision, endpoint } = facts;
    const requestHeaders = shownFields(tap.requestHead);
    const bodyBytes = Math.max(...wanted.map(({ order }) => order.bodyBytes));
    const event: TapEvent = {
      kind: 'exchange',
      side: client.role.callerSide ? 'source' : 'destination',
      caller: knownName(edge.sourceApp),
      called: knownName(edge.destinationService),
      principal: client.role.peer ?? '',
      remoteAddress: client.remote,
      upstreamAddress: endpoint?.address ?? '',
      startMs: this.#clock.now() - durationMs,
      durationMs,
      protocol: facts.protocol,
      method: facts.method,
      target: cut(maskTarget(facts.target)),
      authority: cut(facts.authority),
      status: facts.status,
      grpcStatus: facts.grpcStatus === null ? null : cut(facts.grpcStatus),
      flag: facts.flag,
      details: cut(facts.details),
      rule: decision.route?.fullName ?? '',
      requestId: cut(decision.requestId),
      traceId: decision.trace?.traceId ?? traceIn(requestHeaders),
      bytesReceived: facts.bytesReceived,
      bytesSent: facts.bytesSent,
      requestHeaders,
      responseHeaders: shownFields(tap.answerHead),
      requestBody: bodyBytes === 0 ? null : (tap.requestBody?.read(bodyBytes) ?? null),
      responseBody: bodyBytes === 0 ? null : (tap.answerBody?.read(bodyBytes) ?? null),
    };
    this.#waiting += fieldsLength(event.requestHeaders) + fieldsLength(event.responseHeaders);
    this.#waiting += (event.requestBody?.base64.length ?? 0) + (event.responseBody?.base64.length ?? 0);
    this.#add(wanted, event);
  }

  /** A raw TCP connection was made, or is over. */
  connection(phase: 'opened' | 'closed', connection: TapConnection): void {
    const { edge, ...facts } = connection;
    const wanted = this.#watchers.filter(
      watcher =>
        (watcher.order.at === 'both' || watcher.order.at === edge.reporter) &&
        isAnyRequest(watcher.order) &&
        concerns(watcher.order, edge) &&
        this.#allows(watcher),
    );
    if (wanted.length === 0) return;
    const ends = { side: edge.reporter, caller: knownName(edge.sourceApp), called: knownName(edge.destinationService) };
    this.#add(wanted, { kind: 'connection', phase, ...ends, ...facts });
  }

  /** Whether another event fits; counts it where it does not. */
  #allows(watcher: Watcher): boolean {
    this.#renew(this.#clock.monotonic());
    if (this.#hasRoom(watcher)) {
      watcher.left--;
      return true;
    }
    this.#drop(watcher);
    return false;
  }

  /** In another second everybody may be told as much again. */
  #renew(now: number): void {
    const second = Math.floor(now / 1_000);
    if (second === this.#second) return;
    this.#second = second;
    for (const each of this.#watchers) each.left = maxTappedPerSecond;
  }

  #hasRoom(watcher: Watcher): boolean {
    return watcher.left > 0 && this.#events.length < maxTappedPerMessage && this.#waiting <= maxWaiting;
  }

  #drop(watcher: Watcher): void {
    watcher.dropped++;
    this.#flushing ??= this.#clock.after(flushMs, () => this.#flush());
  }

  #add(watchers: readonly Watcher[], event: TapEvent): void {
    this.#events.push({ ids: watchers.map(({ order }) => order.id), event });
    this.#flushing ??= this.#clock.after(flushMs, () => this.#flush());
  }

  #flush(): void {
    this.#flushing = null;
    const events = this.#events;
    this.#events = [];
    this.#waiting = 0;
    const short = this.#watchers.filter(({ dropped }) => dropped > 0);
    const dropped = short.map(watcher => ({ id: watcher.order.id, count: watcher.dropped }));
    if (this.#tell({ kind: 'tapped', dropped, events })) for (const watcher of short) watcher.dropped = 0;
    else
      for (const watcher of this.#watchers) watcher.dropped += events.filter(({ ids }) => ids.includes(watcher.order.id)).length;
  }
}

/** Whether the request alone says that it is wanted: neither its status nor whom it calls is asked for. */
function isSettled({ statuses, from, to }: TapOrder, callerSide: boolean): boolean {
  return statuses.length === 0 && (!callerSide || (from === '' && to === ''));
}

function concerns({ from, to }: TapOrder, { sourceApp, destinationService }: Edge): boolean {
  return (from === '' || from === sourceApp) && (to === '' || to === destinationService);
}

function hasStatus({ statuses }: TapOrder, status: number): boolean {
  return statuses.length === 0 || statuses.some(([least, most]) => status >= least && status <= most);
}

function hasHeaders({ headers }: TapOrder, head: RequestHead): boolean {
  return headers.every(({ name, value }) => {
    const found = head.named(name);
    return found !== null && (value === null || found === value);
  });
}

/** Nothing that only a request has is asked for. */
function isAnyRequest({ path, method, statuses, headers }: TapOrder): boolean {
  return path === '' && method === '' && statuses.length === 0 && headers.length === 0;
}

function fieldsLength(fields: readonly (readonly [string, string])[]): number {
  return fields.reduce((sum, [name, value]) => sum + name.length + value.length, 0);
}

function traceIn(headers: readonly (readonly [string, string])[]): string | null {
  const context = headers.find(([name]) => name === 'traceparent')?.[1] ?? '';
  return /^[0-9a-f]{2}-([0-9a-f]{32})-/.exec(context)?.[1] ?? null;
}
