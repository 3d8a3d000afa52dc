/** The two kinds of certificates of a mesh: the root and the SVIDs that it signs. */
import 'reflect-metadata'; // @peculiar/x509 needs it loaded before itself
import { randomBytes, webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  Pkcs10CertificateRequest,
  type PublicKey,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  type X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';
import { backdateMs } from '../identity/svid.ts';
import { PkiError } from './pki-error.ts';

/** ECDSA P-256 with SHA-256: the only algorithm of the mesh. */
export const keyAlgorithm = { name: 'ECDSA', namedCurve: 'P-256' } as const;
const signingAlgorithm = { name: 'ECDSA', hash: 'SHA-256' } as const;

/** Ten years, as Istio's self-signed root. */
const rootLifeMs = 3650 * 86_400_000;
/** A P-256 request needs about 500 bytes; more is refused before it is parsed. */
const maxRequestBytes = 8192;

/** A key pair of the CA or of the daemon. */
export type KeyPair = webcrypto.CryptoKeyPair;

/** Fresh P-256 key pair. */
export function generateKeys(): Promise<KeyPair> {
  return webcrypto.subtle.generateKey(keyAlgorithm, true, ['sign', 'verify']);
}

/** Self-signed root for a trust domain. `nowMs`: ms since epoch. */
export async function createRoot(keys: KeyPair, trustDomain: string, nowMs: number): Promise<X509Certificate> {
  const serial = serialNumber();
  return X509CertificateGenerator.createSelfSigned({
    // A serial number in the name: roots that follow each other are told apart by everything that knows them by name.
    name: `O=localmesh, CN=${trustDomain}, 2.5.4.5=${serial.slice(0, 16)}`,
    keys,
    signingAlgorithm,
    serialNumber: serial,
    notBefore: new Date(nowMs - backdateMs),
    notAfter: new Date(nowMs + rootLifeMs),
    extensions: [
      // Signs leaves only: no intermediate CA can be made from it.
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      // X509-SVID section 4.1: a signing certificate names the trust domain, without a path.
      new SubjectAlternativeNameExtension([{ type: 'url', value: `spiffe://${trustDomain}` }]),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
}

/** What a leaf is made from. */
interface Signing {
  readonly root: X509Certificate;
  readonly rootKey: webcrypto.CryptoKey;
  readonly publicKey: PublicKey | webcrypto.CryptoKey;
  readonly nowMs: number;
  readonly ttlMs: number;
}

/** What an SVID is made from. */
export interface LeafInput extends Signing {
  readonly spiffeId: string;
}

/** What the certificate of a web server is made from. */
export interface ServerLeafInput extends Signing {
  /** DNS names, `*.suffix` among them, and IP addresses; at least one. */
  readonly names: readonly string[];
}

/** An X509-SVID; it never outlives the root. @see X509-SVID sections 2 and 4 */
export function createLeaf(input: LeafInput): Promise<X509Certificate> {
  return signLeaf(input, {
    // No subject: who it is stands in the URI only, and with an empty subject the alternative name is critical (RFC 5280, 4.2.1.6).
    subject: '',
    usages: [ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth],
    names: new SubjectAlternativeNameExtension([{ type: 'url', value: input.spiffeId }], true),
  });
}

/** A certificate for clients outside the mesh, such as browsers: it says names, no identity. @see RFC 9110 section 4.3.4 */
export function createServerLeaf(input: ServerLeafInput): Promise<X509Certificate> {
  const { names } = input;
  return signLeaf(input, {
    // Read by people only; a common name has at most 64 characters (RFC 5280, appendix A.1).
    subject: `CN=${names.find(name => name.length <= 64 && !name.includes(':')) ?? 'gateway'}`,
    usages: [ExtendedKeyUsage.serverAuth],
    names: new SubjectAlternativeNameExtension(names.map(value => ({ type: isIP(value) === 0 ? 'dns' : 'ip', value }))),
  });
}

async function signLeaf(
  { root, rootKey, publicKey, nowMs, ttlMs }: Omit<LeafInput, 'spiffeId'>,
  own: {
    readonly subject: string;
    readonly usages: ExtendedKeyUsage[];
    readonly names: SubjectAlternativeNameExtension;
  },
): Promise<X509Certificate> {
  return X509CertificateGenerator.create({
    subject: own.subject,
    issuer: root.subject,
    serialNumber: serialNumber(),
    notBefore: new Date(nowMs - backdateMs),
    notAfter: new Date(Math.min(nowMs + ttlMs, root.notAfter.getTime())),
    signingAlgorithm,
    signingKey: rootKey,
    publicKey,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension(own.usages),
      own.names,
      await AuthorityKeyIdentifierExtension.create(root),
      await SubjectKeyIdentifierExtension.create(publicKey),
    ],
  });
}

/**
 * Checks that the sender of a CSR holds its key and returns the public key. Names and extensions asked for are not even read:
 * who somebody is, the CSR does not decide.
 * @throws PkiError `request`
 */
export async function readRequest(csrPem: string): Promise<PublicKey> {
  if (csrPem.length > maxRequestBytes)
    throw new PkiError('request', `CSR of ${csrPem.length} bytes, at most ${maxRequestBytes} are read`);
  let valid = false;
  let publicKey: PublicKey;
  try {
    const request = new Pkcs10CertificateRequest(csrPem);
    publicKey = request.publicKey;
    valid = await request.verify();
  } catch {
    throw new PkiError('request', 'CSR is malformed');
  }
  const algorithm = publicKey.algorithm as { name?: string; namedCurve?: string };
  if (algorithm.name !== keyAlgorithm.name || algorithm.namedCurve !== keyAlgorithm.namedCurve)
    throw new PkiError('request', 'CSR is not for an ECDSA P-256 key');
  if (!valid) throw new PkiError('request', "CSR's signature is wrong");
  return publicKey;
}

/** 127 random bits: RFC 5280 wants a positive number of at most 20 octets that nobody can guess. */
function serialNumber(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes.toString('hex');
}
