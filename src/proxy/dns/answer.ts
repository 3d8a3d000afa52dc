import { decode, encode, type Packet, RECURSION_AVAILABLE, RECURSION_DESIRED } from 'dns-packet';
import type { DnsRecord } from '../../snapshot/snapshot.ts';

/** Seconds; Istio's DNS proxy uses the same. Addresses are stable, so this only bounds how long a removed service is remembered. */
const ttlSeconds = 30;
const headerBytes = 12;
const serverFailure = 2;
const formatError = 1;

/** Mesh names as the snapshot gave them. */
export class DnsTable {
  readonly #addresses: ReadonlyMap<string, string>;
  readonly #suffixes: readonly string[];

  /** @param search domains that the app's resolver may append to a short name */
  constructor(records: readonly DnsRecord[], search: readonly string[]) {
    this.#addresses = new Map(records.map(record => [record.name, record.address]));
    this.#suffixes = search.map(domain => `.${domain}`);
  }

  /** Virtual address of a name in any case, or `null` for names outside the mesh. */
  lookUp(asked: string): string | null {
    const name = asked.toLowerCase().replace(/\.$/, '');
    const own = this.#addresses.get(name);
    if (own !== undefined) return own;
    for (const suffix of this.#suffixes) {
      const address = name.endsWith(suffix) ? this.#addresses.get(name.slice(0, -suffix.length)) : undefined;
      if (address !== undefined) return address;
    }
    return null;
  }
}

/** What to do with a query: answer it, send it on as it is, or nothing (it is no query). */
export type DnsDecision =
  | { readonly kind: 'answer'; readonly bytes: Buffer; readonly result: 'mesh' | 'empty' | 'failed' }
  | { readonly kind: 'forward' }
  | { readonly kind: 'ignore' };

/** Judges one query. Pure. */
export function decideDns(query: Buffer, table: DnsTable): DnsDecision {
  if (query.length < headerBytes || ((query[2] ?? 0) & 0x80) !== 0) return { kind: 'ignore' };
  let packet: Packet;
  try {
    packet = decode(query);
  } catch {
    return { kind: 'answer', bytes: failedAnswer(query, formatError), result: 'failed' };
  }
  const question = packet.questions?.[0];
  if (question === undefined || packet.questions?.length !== 1) return { kind: 'forward' };
  const address = table.lookUp(question.name);
  if (address === null) return { kind: 'forward' };
  // An empty NOERROR, not NXDOMAIN: the name exists, it only has no such record. Resolvers give up on the name after NXDOMAIN.
  const answers = question.type === 'A' ? [{ type: 'A' as const, name: question.name, ttl: ttlSeconds, data: address }] : [];
  const flags = ((packet.flags ?? 0) & RECURSION_DESIRED) | RECURSION_AVAILABLE;
  const bytes = encode({ type: 'response', id: packet.id ?? 0, flags, questions: [question], answers });
  return { kind: 'answer', bytes, result: answers.length > 0 ? 'mesh' : 'empty' };
}

/** The answer of a resolver that could not find out. */
export function servFail(query: Buffer): Buffer {
  return failedAnswer(query, serverFailure);
}

/** Header only, counts zero: the question may be what could not be read. */
function failedAnswer(query: Buffer, code: number): Buffer {
  const answer = Buffer.alloc(headerBytes);
  query.copy(answer, 0, 0, 3);
  answer[2] = ((query[2] ?? 0) & 0x79) | 0x80;
  answer[3] = 0x80 | code;
  return answer;
}
