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

const oids = { keyUsage: '551d0f', subjectAltName: '551d11', basicConstraints: '551d13' } as const;

function child(of: Element | undefined, what: string): Element[] {
  if (of === undefined) throw new RangeError(`no ${what}`);
  return elements(of.body);
}

/** Peers show the same certificate with every connection. By its bytes. */
const read = new Map<string, LeafFacts>();
const maxRead = 512;

/** Extension values by the hex of their object identifier. */
function extensionsOf(raw: Buffer): Map<string, Buffer> {
  const tbs = child(child(elements(raw)[0], 'certificate')[0], 'tbsCertificate');
  const found = new Map<string, Buffer>();
  const wrapper = tbs.find(element => element.tag === 0xa3);
  if (wrapper === undefined) return found;
  for (const extension of child(elements(wrapper.body)[0], 'extensions')) {
    const parts = elements(extension.body);
    const id = parts[0]?.body.toString('hex') ?? '';
    if (found.has(id)) throw new RangeError('extension given twice');
    found.set(id, parts.at(-1)?.body ?? Buffer.alloc(0));
  }
  return found;
}

/**
 * Reads a leaf certificate by the rules of X509-SVID (sections 2 and 4): exactly one URI name and it is a SPIFFE ID with a path, not a CA,
 * and when key usage is given it allows signatures and neither signing certificates nor lists. The names are read from the DER:
 * Node's printed form is escaped and joined with commas, and what is printed has fooled many.
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
  let extensions: Map<string, Buffer>;
  let uris: string[];
  try {
    extensions = extensionsOf(raw);
    const names = extensions.get(oids.subjectAltName);
    const all = names === undefined ? [] : child(elements(names)[0], 'subjectAltName');
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

function checkUse(extensions: ReadonlyMap<string, Buffer>): void {
  try {
    const constraints = extensions.get(oids.basicConstraints);
    const first = constraints === undefined ? undefined : child(elements(constraints)[0], 'basicConstraints')[0];
    if (first?.tag === tag.boolean && first.body[0] !== 0) throw new SvidError('certificate is a CA, not an SVID');
    const usage = extensions.get(oids.keyUsage);
    const bits = usage === undefined ? undefined : elements(usage)[0]?.body[1];
    if (bits === undefined) return;
    if ((bits & 0x80) === 0) throw new SvidError('certificate may not sign (digitalSignature is missing)');
    if ((bits & 0x06) !== 0) throw new SvidError('certificate may sign certificates or revocation lists, an SVID may not');
  } catch (error) {
    if (error instanceof SvidError) throw error;
    throw new SvidError('certificate is malformed');
  }
}
