import { createPublicKey, generateKeyPairSync, type KeyObject, randomBytes, sign, verify } from 'node:crypto';
import { bitString, der, elements, oid, pem, sequence, tag, time } from '../../src/identity/der.ts';

const dayMs = 86_400_000;
const ecdsa = sequence(oid('1.2.840.10045.4.3.2'));
const usages = { serverAuth: '1.3.6.1.5.5.7.3.1', clientAuth: '1.3.6.1.5.5.7.3.2' } as const;

/** Of GeneralName (RFC 5280 section 4.2.1.6). */
const nameTags = { email: 0x81, dns: 0x82, url: 0x86, ip: 0x87, registered: 0x88 } as const;

/** How a leaf of the test CA differs from a proper SVID. */
export interface LeafOptions {
  readonly notBeforeMs?: number;
  readonly expiresAtMs?: number;
  readonly isCa?: boolean;
  /** First byte of the key usage bits; `null`: no key usage. @default 0x80, digitalSignature */
  readonly keyUsage?: number | null;
  /** @default true */
  readonly keyUsageCritical?: boolean;
  /** Further names beside the URI. */
  readonly names?: readonly { readonly type: keyof typeof nameTags; readonly value: string }[];
  /** As if the names stood there twice, in two extensions. @default false */
  readonly namesTwice?: boolean;
  /** @default none */
  readonly commonName?: string;
  /** @default absent */
  readonly extendedKeyUsage?: readonly (keyof typeof usages)[];
  /** Who signs it instead of the CA. */
  readonly signer?: { readonly key: KeyObject; readonly commonName: string };
}

/** A small CA for tests: makes good SVIDs, and every kind of bad one. */
export interface TestCa {
  readonly bundlePem: string;
  issue(privateKey: KeyObject, spiffeId: string | null, options?: LeafOptions): string;
  /** Answers a CSR. @throws when its signature is wrong or it does not ask for exactly one URI */
  sign(csrPem: string, options?: LeafOptions): { readonly spiffeId: string; readonly chainPem: string };
}

/** Fresh P-256 private key. */
export function newKey(): KeyObject {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
}

function extension(id: string, value: Buffer, critical = true): Buffer {
  return sequence(oid(id), ...(critical ? [der(tag.boolean, Buffer.from([0xff]))] : []), der(tag.octetString, value));
}

function certificate(
  publicKey: KeyObject,
  signer: KeyObject,
  issuer: Buffer,
  subject: Buffer,
  from: number,
  to: number,
  extensions: readonly Buffer[],
): string {
  const body = sequence(
    der(0xa0, der(tag.integer, Buffer.from([2]))),
    der(tag.integer, Buffer.from([0x40]), randomBytes(15)),
    ecdsa,
    issuer,
    sequence(time(from), time(to)),
    subject,
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(...extensions)),
  );
  return pem('CERTIFICATE', sequence(body, ecdsa, bitString(sign('sha256', body, signer))));
}

function nameOf(commonName: string): Buffer {
  return sequence(der(tag.set, sequence(oid('2.5.4.3'), der(tag.utf8String, Buffer.from(commonName)))));
}

function basicConstraints(isCa: boolean): Buffer {
  return extension('2.5.29.19', sequence(...(isCa ? [der(tag.boolean, Buffer.from([0xff]))] : [])));
}

/** Makes a CA valid from yesterday for ten days. */
export function createTestCa(now: number, key: KeyObject = newKey(), commonName = 'test root'): TestCa {
  const rootName = nameOf(commonName);
  const usage = extension('2.5.29.15', der(tag.bitString, Buffer.from([1, 0x06])));
  const bundlePem = certificate(createPublicKey(key), key, rootName, rootName, now - dayMs, now + 10 * dayMs, [
    basicConstraints(true),
    usage,
  ]);
  const leaf = (publicKey: KeyObject, spiffeId: string | null, options: LeafOptions): string => {
    const names = [...(spiffeId === null ? [] : [{ type: 'url' as const, value: spiffeId }]), ...(options.names ?? [])];
    const altNames = sequence(...names.map(name => der(nameTags[name.type], Buffer.from(name.value, 'latin1'))));
    const { commonName, signer, extendedKeyUsage = [], keyUsage = 0x80 } = options;
    const namesExtension = extension('2.5.29.17', altNames);
    return certificate(
      publicKey,
      signer?.key ?? key,
      signer === undefined ? rootName : nameOf(signer.commonName),
      commonName === undefined ? sequence() : nameOf(commonName),
      options.notBeforeMs ?? now - 10_000,
      options.expiresAtMs ?? now + dayMs,
      [
        basicConstraints(options.isCa ?? false),
        ...(keyUsage === null
          ? []
          : [extension('2.5.29.15', der(tag.bitString, Buffer.from([0, keyUsage])), options.keyUsageCritical ?? true)]),
        ...(names.length > 0 ? [namesExtension] : []),
        ...(options.namesTwice === true ? [namesExtension] : []),
        ...(extendedKeyUsage.length > 0
          ? [extension('2.5.29.37', sequence(...extendedKeyUsage.map(usage => oid(usages[usage]))))]
          : []),
      ],
    );
  };
  return {
    bundlePem,
    issue: (privateKey, spiffeId, options = {}) => leaf(createPublicKey(privateKey), spiffeId, options),
    sign(csrPem, options = {}) {
      const raw = Buffer.from(csrPem.split('\n').slice(1, -2).join(''), 'base64');
      const [info, , signature] = elements(elements(raw)[0]?.body ?? raw);
      if (info === undefined || signature === undefined) throw new Error('CSR is malformed');
      const [, , keyInfo, attributes] = elements(info.body);
      if (keyInfo === undefined || attributes === undefined) throw new Error('CSR is malformed');
      const publicKey = createPublicKey({ key: der(tag.sequence, keyInfo.body), type: 'spki', format: 'der' });
      if (!verify('sha256', der(tag.sequence, info.body), publicKey, signature.body.subarray(1)))
        throw new Error('CSR signature is wrong');
      const uris = attributes.body.toString('latin1').match(/spiffe:\/\/[\w./-]+/g) ?? [];
      const spiffeId = uris[0];
      if (uris.length !== 1 || spiffeId === undefined) throw new Error('CSR has no single URI');
      return { spiffeId, chainPem: leaf(publicKey, spiffeId, options) };
    },
  };
}
