import { counterText, labels } from './exposition.ts';

/** Requests that were refused for their tokens. As many series as there are issuers times reasons, which are a few words of our own. */
export class TokenRefusals {
  readonly #counts = new Map<string, number>();

  /** `issuer`: one that is configured; the empty string where the token names no such one. */
  count(issuer: string, reason: string): void {
    const key = labels({ issuer: issuer === '' ? 'unknown' : issuer, reason: reason.replaceAll(' ', '_') });
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
  }

  /** Prometheus text exposition; empty where no token was refused. */
  text(): string {
    if (this.#counts.size === 0) return '';
    return counterText('mesh_tokens_refused_total', 'Requests that were refused for their tokens.', this.#counts);
  }
}
