import { counterText } from './exposition.ts';

/** What rate limits decided, under the names of Envoy's local rate limit filter in Istio. */
export class RateLimitCounters {
  /** Requests that were let through. */
  ok = 0;
  /** Requests that were answered 429. */
  rateLimited = 0;

  /** Prometheus text exposition; empty where no request met a limit. */
  text(): string {
    if (this.ok + this.rateLimited === 0) return '';
    const name = 'envoy_http_local_rate_limiter_http_local_rate_limit';
    return (
      counterText(`${name}_ok`, 'Requests that rate limits let through.', [['', this.ok]]) +
      counterText(`${name}_rate_limited`, 'Requests that a rate limit refused.', [['', this.rateLimited]])
    );
  }
}
