import { createHash, X509Certificate } from 'node:crypto';
import { type Element, elements, tag } from './der.ts';
import { parseSpiffeId } from './spiffe-id.ts';

/** What an X509-SVID says about its holder. */
export interface LeafFacts {
  readonly spiffeId: string;
  readonly trustDomain: string;
  /** SHA-256 of the certificate, lower-case hex. */
  readonly certificateHash: string;
  /** Ms since epoch. */
  readonly notBeforeMs: number;
  readonly expiresAtMs: number;
}

/** Why a certificate is no SVID. Its message holds nothing secret. */
export class SvidError extends Error {
  override readonly name = 'SvidError';
}

const oids = { keyUsage: '551d0f', subjectAltName: '551d11', basicConstraints: '551d13', extendedKeyUsage: '551d25' } as const;
const purposes = { server: '2b06010505070301', client: '2b06010505070302' } as const;

function child(of: Element | undefined, what: string): Element[] {
  if (of === undefined) throw new RangeError(`no ${what}`);
  return elements(of.body);
}

/** Peers show the same certificate with every connection. By its bytes. */
const read = new Map<string, LeafFacts>();
const maxRead = 512;

interface Extension {
  readonly critical: boolean;
  readonly value: Buffer;
}

/** By the hex of their object identifier. */
function extensionsOf(raw: Buffer): Map<string, Extension> {
  const tbs = child(child(elements(raw)[0], 'certificate')[0], 'tbsCertificate');
  const found = new Map<string, Extension>();
  const wrapper = tbs.find(element => element.tag === 0xa3);
  if (wrapper === undefined) return found;
  for (const extension of child(elements(wrapper.body)[0], 'extensions')) {
    const parts = elements(extension.body);
    const id = parts[0]?.body.toString('hex') ?? '';
    if (found.has(id)) throw new RangeError('extension given twice');
    const critical = parts[1]?.tag === tag.boolean && parts[1].body[0] !== 0;
    found.set(id, { critical, value: parts.at(-1)?.body ?? Buffer.alloc(0) });
  }
  return found;
}

/**
 * Reads a leaf certificate by the rules of X509-SVID (sections 2, 4 and 5.2): exactly one URI name and it is a SPIFFE ID with a path, not a CA,
 * key usage is there, critical, and allows signatures and neither signing certificates nor lists, and extended key usage, where it is there,
 * names servers and clients. The names are read from the DER: Node's printed form is escaped and joined with commas, and what is printed has
 * fooled many.
 * The chain is not verified here, that is TLS's work.
 * @throws SvidError
 */
export function readLeaf(raw: Buffer): LeafFacts {
  const key = raw.toString('latin1');
  const known = read.get(key);
  if (known !== undefined) return known;
  const facts = readAnew(raw);
  if (read.size >= maxRead) read.clear();
  read.set(key, facts);
  return facts;
}

function readAnew(raw: Buffer): LeafFacts {
  let extensions: Map<string, Extension>;
  let uris: string[];
  try {
    extensions = extensionsOf(raw);
    const names = extensions.get(oids.subjectAltName);
    const all = names === undefined ? [] : child(elements(names.value)[0], 'subjectAltName');
    uris = all.filter(name => name.tag === 0x86).map(name => name.body.toString('latin1'));
  } catch {
    throw new SvidError('certificate is malformed');
  }
  if (uris.length !== 1) throw new SvidError(`certificate has ${uris.length} URI names, an SVID has exactly one`);
  const spiffeId = uris[0] ?? '';
  const parsed = parseSpiffeId(spiffeId);
  if (parsed === null || parsed.path === '') throw new SvidError('certificate has no valid SPIFFE ID');
  checkUse(extensions);
  const certificate = new X509Certificate(raw);
  return {
    spiffeId,
    trustDomain: parsed.trustDomain,
    certificateHash: createHash('sha256').update(raw).digest('hex'),
    notBeforeMs: Date.parse(certificate.validFrom),
    expiresAtMs: Date.parse(certificate.validTo),
  };
}

function checkUse(extensions: ReadonlyMap<string, Extension>): void {
  let problem: string | null;
  try {
    problem = useProblem(extensions);
  } catch {
    problem = 'certificate is malformed';
  }
  if (problem !== null) throw new SvidError(problem);
}

function useProblem(extensions: ReadonlyMap<string, Extension>): string | null {
  const constraints = extensions.get(oids.basicConstraints);
  const first = constraints === undefined ? undefined : child(elements(constraints.value)[0], 'basicConstraints')[0];
  if (first?.tag === tag.boolean && first.body[0] !== 0) return 'certificate is a CA, not an SVID';
  const usage = extensions.get(oids.keyUsage);
  const bits = usage === undefined ? undefined : elements(usage.value)[0]?.body[1];
  if (bits === undefined) return 'certificate has no key usage';
  if (usage?.critical !== true) return "certificate's key usage is not critical";
  if ((bits & 0x80) === 0) return 'certificate may not sign (digitalSignature is missing)';
  if ((bits & 0x06) !== 0) return 'certificate may sign certificates or revocation lists, an SVID may not';
  const extended = extensions.get(oids.extendedKeyUsage);
  if (extended === undefined) return null;
  const named = child(elements(extended.value)[0], 'extKeyUsage').map(purpose => purpose.body.toString('hex'));
  const both = named.includes(purposes.server) && named.includes(purposes.client);
  return both ? null : "certificate's extended key usage does not name both servers and clients";
}
