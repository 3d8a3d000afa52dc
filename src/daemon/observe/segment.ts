import { crc32 } from 'node:zlib';
import type { Party } from '../../snapshot/edge-signal.ts';
import type { EdgeName, EdgeRow } from './edge-row.ts';
import { decodeTick, encodeTick, type Tick, timeOfTick } from './tick-codec.ts';

/** First bytes of a file; another version begins otherwise and is not read. */
export const segmentHead: Buffer = Buffer.from('mesh history 1\n');
/** Length and checksum of what follows, then what it is. */
const frameHead = 9;
const frameKind = { edge: 1, rule: 2, tick: 3 } as const;
/** No frame that was ever written is longer. */
const maxFrameBytes = 16 * 1024 * 1024;

/** Edges with what happened on them. */
export type EdgeRows = ReadonlyMap<EdgeName, EdgeRow>;

/** What happened in a stretch of time. */
export interface Moment {
  /** Its end, ms since epoch. */
  readonly atMs: number;
  readonly lengthMs: number;
  readonly rows: EdgeRows;
}

/**
 * A piece of the history that can be read by itself: the names of its edges and rules are in it. In memory it is the very bytes of its file, so that nothing
 * is kept twice, and what is lost at the end of a file costs that end only. While it is the last one moments are appended to it; then it is sealed.
 */
export class Segment {
  /** Of its first moment, ms since epoch. */
  readonly startMs: number;
  bytes: number = segmentHead.length;
  readonly #frames: Buffer[] = [segmentHead];
  readonly #ticks: { readonly atMs: number; readonly body: Buffer }[] = [];
  readonly #edges: EdgeName[] = [];
  readonly #edgeIds = new Map<string, number>();
  readonly #rules: string[] = [];
  readonly #ruleIds = new Map<string, number>();

  constructor(startMs: number) {
    this.startMs = startMs;
  }

  /** Reads a file as far as it is sound. `whole`: no byte of it was left over. `null`: there is nothing to be read, or it is of another version. */
  static read(file: Buffer): { readonly segment: Segment; readonly whole: boolean } | null {
    if (!file.subarray(0, segmentHead.length).equals(segmentHead)) return null;
    let segment: Segment | null = null;
    const names: Buffer[] = [];
    let at = segmentHead.length;
    while (at + frameHead <= file.length) {
      const end = at + frameHead + file.readUInt32LE(at);
      if (end - at > maxFrameBytes || end > file.length || crc32(file.subarray(at + 8, end)) !== file.readUInt32LE(at + 4)) break;
      const frame = file.subarray(at, end);
      try {
        if (segment !== null) segment.#keep(frame);
        else if (frame[8] !== frameKind.tick) names.push(frame);
        else {
          segment = new Segment(timeOfTick(frame.subarray(frameHead)));
          for (const one of [...names, frame]) segment.#keep(one);
        }
      } catch {
        break;
      }
      at = end;
    }
    return segment === null ? null : { segment, whole: at === file.length };
  }

  /** Appends a moment. @returns the bytes to append to the file */
  append({ atMs, lengthMs, rows }: Moment): Buffer {
    const frames: Buffer[] = [];
    const byId = new Map<number, EdgeRow>();
    for (const [edge, row] of rows) {
      const text = JSON.stringify(edge);
      let id = this.#edgeIds.get(text);
      if (id === undefined) {
        id = this.#edges.length;
        frames.push(this.#keep(frameOf(frameKind.edge, Buffer.from(text))));
      }
      byId.set(id, row);
    }
    const rule = (name: string): number => {
      const known = this.#ruleIds.get(name);
      if (known !== undefined) return known;
      frames.push(this.#keep(frameOf(frameKind.rule, Buffer.from(name))));
      return this.#rules.length - 1;
    };
    const tick = encodeTick({ atMs, lengthMs, rows: byId }, rule);
    frames.push(this.#keep(frameOf(frameKind.tick, tick)));
    return Buffer.concat(frames);
  }

  /** When its moments end, ms since epoch. */
  get times(): readonly number[] {
    return this.#ticks.map(({ atMs }) => atMs);
  }

  /** Its file. */
  get file(): Buffer {
    return Buffer.concat(this.#frames);
  }

  /** Its moments that end after `fromMs` and not after `toMs`. */
  *moments(fromMs: number, toMs: number): Generator<Moment, void, void> {
    for (const { atMs, body } of this.#ticks) {
      if (atMs <= fromMs || atMs > toMs) continue;
      const { lengthMs, rows } = this.#decode(body);
      const named = new Map<EdgeName, EdgeRow>();
      for (const [id, row] of rows) {
        const edge = this.#edges[id];
        if (edge !== undefined) named.set(edge, row);
      }
      yield { atMs, lengthMs, rows: named };
    }
  }

  /** A checksum is no signature: what somebody made up is nothing. */
  #decode(body: Buffer): Pick<Tick, 'lengthMs' | 'rows'> {
    try {
      return decodeTick(body, id => this.#rules[id] ?? '');
    } catch {
      return { lengthMs: 0, rows: new Map() };
    }
  }

  #keep(frame: Buffer): Buffer {
    this.bytes += frame.length;
    this.#frames.push(frame);
    const body = frame.subarray(frameHead);
    switch (frame[8]) {
      case frameKind.edge:
        this.#edges.push(readEdgeName(body.toString()));
        this.#edgeIds.set(body.toString(), this.#edges.length - 1);
        break;
      case frameKind.rule:
        this.#ruleIds.set(body.toString(), this.#rules.length);
        this.#rules.push(body.toString());
        break;
      default:
        this.#ticks.push({ atMs: timeOfTick(body), body });
    }
    return frame;
  }
}

/** The file is the user's own, and may still come with a copied project. @throws Error for what is no name */
function readEdgeName(text: string): EdgeName {
  const { source, destination, protocol } = JSON.parse(text) as Partial<EdgeName>;
  if (protocol === undefined || !['http', 'grpc', 'tcp'].includes(protocol)) throw new RangeError('no protocol');
  const party = (end: Partial<Party> | undefined): Party => ({
    service: String(end?.service ?? ''),
    version: String(end?.version ?? ''),
    workload: String(end?.workload ?? ''),
    principal: String(end?.principal ?? ''),
  });
  return { source: party(source), destination: party(destination), protocol };
}

function frameOf(kind: number, body: Buffer): Buffer {
  const frame = Buffer.alloc(frameHead + body.length);
  frame.writeUInt32LE(body.length, 0);
  frame[8] = kind;
  body.copy(frame, frameHead);
  frame.writeUInt32LE(crc32(frame.subarray(8)), 4);
  return frame;
}
