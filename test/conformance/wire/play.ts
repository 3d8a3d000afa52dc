/** Plays one case of the corpus against a data plane in this process, over real sockets and without waiting for any clock. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { systemClock } from '../../../src/async/clock.ts';
import { createRandom } from '../../../src/async/random.ts';
import type { Snapshot } from '../../../src/snapshot/snapshot.ts';
import { clusterTo, emptySnapshot, type Harness, inboundSnapshot, ruleTo, startPlane } from '../../proxy/data-plane-harness.ts';
import { type ManualClock, manualClock } from '../../support/manual-clock.ts';
import type { WireCase } from './corpus.ts';
import { type RecordedConnection, startRecorder } from './recorder.ts';
import { type Observed, problemsOf } from './verdict.ts';

/** Where the case is played: at the server's sidecar, at a gateway, or at a gateway with the server's sidecar behind it. */
export type Side = 'inbound' | 'gateway' | 'chain';

/** How the bytes are cut: all at once, one by one, or at random places. */
export type Framing =
  | { readonly kind: 'whole' }
  | { readonly kind: 'bytewise' }
  | { readonly kind: 'random'; readonly seed: number };

/** No turn of so many brought anything: nothing is on its way. A request needs some six from end to end. */
const quietTurns = 40;
/** A case that is not right by then never will be. */
const patienceMs = 5000;

/** What is wrong with the case; empty: it holds. */
export async function playCase(one: WireCase, side: Side, framing: Framing): Promise<string[]> {
  const stage = await Stage.open(one, side);
  try {
    for (const bytes of framed(one.raw, framing)) {
      if (!stage.writable) break;
      await stage.send(bytes);
    }
    return await stage.verdict();
  } finally {
    await stage.close();
  }
}

/** The cases with a script: what they send is sent whole, their times are those of a clock that is moved by hand. */
export async function playScript(one: WireCase, side: Side, framing: Framing): Promise<string[]> {
  const clock = manualClock();
  const stage = await Stage.open(one, side, clock);
  const withinMs = one.expect.timeout?.withinMs;
  try {
    for (const segment of one.segments ?? [{ send: one.raw }]) {
      const { repeat = 1, everyMs = 0, waitMs = 0, send = '' } = segment;
      for (let turn = 0; turn < repeat && stage.writable; turn++) {
        for (const bytes of framed(send, framing)) if (stage.writable) await stage.send(bytes);
        if (everyMs > 0) await stage.pass(clock, everyMs);
        if (withinMs !== undefined && clock.monotonic() > withinMs) return [`still open after ${withinMs} ms`];
      }
      await stage.quiet();
      if (segment.halfClose) stage.end();
      // Up to a second of it is for the bytes on the way; only longer waits are about time.
      if (waitMs > 1000) await stage.pass(clock, waitMs);
    }
    // A route's timeouts: the whole request's, then the idle one.
    if (one.slow) for (let turn = 0; turn < 4; turn++) await stage.pass(clock, routeTimeoutMs / 2);
    return await stage.verdict();
  } finally {
    await stage.close();
  }
}

function framed(text: string, framing: Framing): string[] {
  if (framing.kind === 'whole') return [text];
  if (framing.kind === 'bytewise') return [...text];
  const random = createRandom(framing.seed);
  const cuts = [...new Set(Array.from({ length: 4 }, () => Math.floor(random.next() * text.length)))].sort((a, b) => a - b);
  return [0, ...cuts].map((from, index) => text.slice(from, cuts[index] ?? text.length)).filter(part => part !== '');
}

const routeTimeoutMs = 1000;

/** The sidecar, the server behind it and the client before it. */
class Stage {
  readonly #one: WireCase;
  readonly #planes: readonly Harness[];
  readonly #socket: Socket;
  readonly #recorder: Awaited<ReturnType<typeof startRecorder>>;
  #events = 0;
  #got = '';
  #closed = false;

  static async open(one: WireCase, side: Side, clock: ManualClock | typeof systemClock = systemClock): Promise<Stage> {
    let stage: Stage | null = null;
    const recorder = await startRecorder(one.upstreamRaw, async () => stage?.quiet());
    const { port } = recorder;
    const planes: Harness[] = [];
    if (side === 'gateway') {
      planes.push(await startPlane('gateway', gatewaySnapshot(port, one.slow === true), { clock }));
    } else {
      const inbound = await startPlane('inbound', inboundSnapshot(port), { localPort: port, clock });
      planes.push(inbound);
      // A route's timeout belongs to the caller's sidecar: there is one before the server's.
      if (one.slow || side === 'chain')
        planes.push(await startPlane('gateway', gatewaySnapshot(inbound.port, one.slow === true), { clock }));
    }
    stage = new Stage(one, planes, recorder);
    await stage.connected();
    return stage;
  }

  constructor(one: WireCase, planes: readonly Harness[], recorder: Awaited<ReturnType<typeof startRecorder>>) {
    this.#one = one;
    this.#planes = planes;
    this.#recorder = recorder;
    this.#socket = connect({ host: '127.0.0.1', port: planes.at(-1)?.port ?? 0, noDelay: true, allowHalfOpen: true });
    const over = (): void => {
      this.#closed = true;
      this.#events++;
    };
    this.#socket.setEncoding('latin1').on('end', over).on('close', over).on('error', over);
    this.#socket.on('data', (text: string) => {
      this.#got += text;
      this.#events++;
    });
  }

  connected(): Promise<unknown> {
    return once(this.#socket, 'connect');
  }

  get writable(): boolean {
    return this.#socket.writable && !this.#closed;
  }

  /** Sends, and lets the loop turn once, so that what follows is read by itself. */
  async send(bytes: string): Promise<void> {
    this.#socket.write(bytes, 'latin1');
    await turn();
  }

  end(): void {
    this.#socket.end();
  }

  async pass(clock: ManualClock | typeof systemClock, ms: number): Promise<void> {
    await this.quiet();
    if ('advance' in clock) clock.advance(ms);
    await this.quiet();
  }

  async quiet(): Promise<void> {
    for (let turns = 0, before = -1; turns < quietTurns; turns++) {
      const now = this.#events + this.#recorder.events();
      if (now !== before) turns = 0;
      before = now;
      await turn();
    }
  }

  async verdict(): Promise<string[]> {
    const until = performance.now() + patienceMs;
    for (;;) {
      await this.quiet();
      const connections = this.#recorder.connections.filter(fromSidecar);
      const observed: Observed = { got: this.#got, closed: this.#closed, connections };
      const problems = [...problemsOf(this.#one, observed), ...this.#planes.flatMap(plane => plane.bugs)];
      if (problems.length === 0 || performance.now() > until) return problems;
    }
  }

  async close(): Promise<void> {
    this.#socket.destroy();
    for (const plane of this.#planes.toReversed()) await plane[Symbol.asyncDispose]();
    await this.#recorder[Symbol.asyncDispose]();
  }
}

/** Another program on this machine may try a port that it used before; what a sidecar sends begins with a request that has an id. */
function fromSidecar({ text }: RecordedConnection): boolean {
  const headEnd = text.indexOf('\r\n\r\n');
  return headEnd < 0 || /\r\nx-request-id: /i.test(text.slice(0, headEnd + 2));
}

/** Only app.mesh is known. */
function gatewaySnapshot(port: number, timed: boolean): Snapshot {
  const times = timed ? { timeoutMs: routeTimeoutMs, idleTimeoutMs: routeTimeoutMs } : {};
  return {
    ...emptySnapshot,
    kind: 'gateway',
    gateway: [{ name: 'edge', port: 80, protocol: 'http', routeTable: 'edge', tcp: [] }],
    routeTables: [{ name: 'edge', virtualHosts: [{ name: 'app', domains: ['app.mesh'], rules: [ruleTo('app', times)] }] }],
    clusters: [clusterTo('app', [port])],
  };
}

function turn(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve));
}
