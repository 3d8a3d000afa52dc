/** The sidecar's control key: it prints the key's hash on its own log, the daemon expects that key in the handshake. */
import { createHash, timingSafeEqual, type X509Certificate } from 'node:crypto';
import { controlKeyPrefix } from '../snapshot/channel.ts';

/** Hashes from a log (lower-case hex), oldest first, each once. Lines may carry what a log reader put before them. */
export function controlKeysIn(logText: string): readonly string[] {
  const found = new Set<string>();
  for (const line of logText.split('\n')) {
    const at = line.indexOf(controlKeyPrefix);
    const hash = at < 0 ? '' : line.slice(at + controlKeyPrefix.length).trim();
    if (/^[0-9a-f]{64}$/.test(hash)) found.add(hash);
  }
  return [...found];
}

/** SHA-256 of the certificate's SubjectPublicKeyInfo, lower-case hex. */
export function keyHashOf(certificate: X509Certificate): string {
  return createHash('sha256')
    .update(certificate.publicKey.export({ type: 'spki', format: 'der' }))
    .digest('hex');
}

/** Whether the hash is one of those expected. */
export function isExpectedKey(hash: string, expected: readonly string[]): boolean {
  const given = Buffer.from(hash);
  return expected.some(key => key.length === hash.length && timingSafeEqual(Buffer.from(key), given));
}
