import { createHash, createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { resolve } from 'node:path';
import { readRegularFile } from '../read-file.ts';
import type { YamlPath } from '../yaml-node.ts';
import type { Report } from './report.ts';

/** A certificate chain with its key has some 10 KiB, a list of all public roots 250 KiB. */
const maxBytes = 1024 * 1024;

/** Certificate and key files that mesh.yaml names: read, judged, never kept but for what is public. */
export class TlsFiles {
  readonly #baseDir: string;
  readonly #nowMs: number;
  readonly #report: Report;
  readonly #looked = new Set<string>();

  /** `nowMs`: since epoch. */
  constructor(baseDir: string, nowMs: number, report: Report) {
    this.#baseDir = baseDir;
    this.#nowMs = nowMs;
    this.#report = report;
  }

  /** Absolute paths of all files that were asked for, also of those that are not there. */
  get looked(): readonly string[] {
    return [...this.#looked];
  }

  /**
   * A certificate and its key for the hosts of a gateway. `null` with errors.
   * @param hosts exact or `*.suffix`
   */
  pair(
    written: { readonly cert: string; readonly key: string },
    hosts: readonly string[],
    path: YamlPath,
  ): { readonly cert: string; readonly key: string; readonly fingerprint: string } | null {
    const certPath = [...path, 'cert'];
    const certText = this.#read(written.cert, certPath);
    const keyText = this.#read(written.key, [...path, 'key']);
    const certificate = certText === null ? null : this.#certificate(certText, certPath);
    const key = keyText === null ? null : this.#key(keyText, [...path, 'key']);
    if (certificate !== null && key !== null && !certificate.checkPrivateKey(key)) {
      const message = 'the key does not belong to the certificate';
      this.#report.error([...path, 'key'], { code: 'tls-key', message, hint: 'name the key that the certificate was made for' });
      return null;
    }
    if (certificate === null || key === null || certText === null) return null;
    for (const host of hosts) this.#checkHost(certificate, host, certPath);
    const fingerprint = createHash('sha256').update(certText).digest('hex');
    return { cert: this.#absolute(written.cert), key: this.#absolute(written.key), fingerprint };
  }

  /** PEM of the roots in a file. `null` with errors. */
  roots(written: string, path: YamlPath): string | null {
    const text = this.#read(written, path);
    if (text === null || this.#certificate(text, path) === null) return null;
    // Only the certificates: a key beside them must not get into a snapshot.
    return `${(text.match(pemCertificate) ?? []).join('\n')}\n`;
  }

  #absolute(written: string): string {
    return resolve(this.#baseDir, written);
  }

  #read(written: string, path: YamlPath): string | null {
    const file = this.#absolute(written);
    this.#looked.add(file);
    try {
      const { bytes, size } = readRegularFile(file, maxBytes);
      if (size > maxBytes) throw Object.assign(new Error(), { code: 'more than 1 MiB' });
      return bytes.toString('latin1');
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable';
      const missing = code === 'ENOENT';
      this.#report.error(path, {
        code: missing ? 'file-not-found' : 'file-unreadable',
        message: missing ? `${file} was not found` : `${file} cannot be read (${code})`,
        hint: missing
          ? 'correct the path; it starts at the folder of mesh.yaml'
          : 'check that it is a file and that you may read it',
      });
      return null;
    }
  }

  #certificate(text: string, path: YamlPath): X509Certificate | null {
    const certificate = parsed(() => new X509Certificate(text.match(pemCertificate)?.[0] ?? ''));
    if (certificate === null) {
      const message = 'there is no certificate in the file';
      this.#report.error(path, { code: 'tls-certificate', message, hint: 'a PEM file: `-----BEGIN CERTIFICATE-----` and so on' });
      return null;
    }
    const from = Date.parse(certificate.validFrom);
    const to = Date.parse(certificate.validTo);
    if (to <= this.#nowMs || from > this.#nowMs) {
      const message =
        to <= this.#nowMs ? `the certificate expired on ${day(to)}` : `the certificate is valid from ${day(from)} only`;
      this.#report.error(path, {
        code: 'tls-expired',
        message,
        hint: 'put a valid one there, or write `tls: true` for one of the mesh',
      });
      return null;
    }
    return certificate;
  }

  #key(text: string, path: YamlPath): KeyObject | null {
    const key = parsed(() => createPrivateKey(text));
    if (key !== null) return key;
    const message = /ENCRYPTED/.test(text) ? 'the key is encrypted' : 'there is no private key in the file';
    const hint = 'a PEM file without a passphrase: `-----BEGIN PRIVATE KEY-----` and so on';
    this.#report.error(path, { code: 'tls-key', message, hint });
    return null;
  }

  #checkHost(certificate: X509Certificate, host: string, path: YamlPath): void {
    // Of a wildcard any name below it must be covered, and one will do for all.
    const name = host.startsWith('*.') ? `any${host.slice(1)}` : host;
    if (host === '*' || certificate.checkHost(name) !== undefined) return;
    const has = (certificate.subjectAltName ?? '').replaceAll('DNS:', '').replaceAll('IP Address:', '') || 'none';
    const message = `the certificate is not for \`${host}\`, a host of this gateway's rules`;
    this.#report.warning(path, { code: 'tls-wrong-host', message, hint: `its names: ${has.slice(0, 200)}` });
  }
}

const pemCertificate = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;

/** OpenSSL's own messages are for those who know its source. */
function parsed<T>(read: () => T): T | null {
  try {
    return read();
  } catch {
    return null;
  }
}

function day(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}
