import { createPublicKey, type KeyObject, randomBytes, sign } from 'node:crypto';
import { bitString, der, oid, pem, sequence, tag, time } from './der.ts';

const ecdsaWithSha256 = sequence(oid('1.2.840.10045.4.3.2'));
const emptyName = sequence();

function subjectKeyInfo(privateKey: KeyObject): Buffer {
  return createPublicKey(privateKey).export({ type: 'spki', format: 'der' });
}

/** subjectAltName with one URI. Critical, because the subject is empty (RFC 5280 section 4.2.1.6). */
function uriExtension(uri: string): Buffer {
  const names = sequence(der(0x86, Buffer.from(uri, 'latin1')));
  return sequence(oid('2.5.29.17'), der(tag.boolean, Buffer.from([0xff])), der(tag.octetString, names));
}

function signed(body: Buffer, privateKey: KeyObject): Buffer {
  return sequence(body, ecdsaWithSha256, bitString(sign('sha256', body, privateKey)));
}

/**
 * A PKCS#10 request (RFC 2986) for `spiffeId` as its only URI, signed with ECDSA P-256.
 * @param privateKey P-256 private key; it never leaves this process
 */
export function createCsr(privateKey: KeyObject, spiffeId: string): string {
  const extensionRequest = sequence(oid('1.2.840.113549.1.9.14'), der(tag.set, sequence(uriExtension(spiffeId))));
  const info = sequence(der(tag.integer, Buffer.from([0])), emptyName, subjectKeyInfo(privateKey), der(0xa0, extensionRequest));
  return pem('CERTIFICATE REQUEST', signed(info, privateKey));
}

/**
 * A certificate signed by its own key. It says nothing but "I hold this key": the other side knows the key's hash beforehand.
 * @param nowMs wall clock, ms; valid from a day before (clocks differ) for ten years, as the channel's trust is the key, not the date
 */
export function createSelfSigned(privateKey: KeyObject, commonName: string, nowMs: number): string {
  const name = sequence(der(tag.set, sequence(oid('2.5.4.3'), der(tag.utf8String, Buffer.from(commonName)))));
  const dayMs = 86_400_000;
  // A serial number is positive and at most 20 octets (RFC 5280 section 4.1.2.2).
  const serial = randomBytes(16);
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40;
  const body = sequence(
    der(0xa0, der(tag.integer, Buffer.from([2]))),
    der(tag.integer, serial),
    ecdsaWithSha256,
    name,
    sequence(time(nowMs - dayMs), time(nowMs + 3650 * dayMs)),
    name,
    subjectKeyInfo(privateKey),
  );
  return pem('CERTIFICATE', signed(body, privateKey));
}
