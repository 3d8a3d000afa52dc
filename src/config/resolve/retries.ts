import type { RetryCondition, RetryPolicy } from '../../snapshot/route-rule.ts';
import { defaultBackoffMs } from '../default-retry.ts';
import type { RetriesSpec } from '../schema/retries.ts';
import { uniqueTexts } from '../unique-texts.ts';
import type { YamlPath } from '../yaml-node.ts';
import type { Report } from './report.ts';

/** May be sent twice without harm (RFC 9110 section 9.2.2), less the rare ones. */
const idempotent = ['DELETE', 'GET', 'HEAD', 'OPTIONS', 'PUT', 'TRACE'];
/** Before the first answer byte and before anything was surely seen: safe for every idempotent request. */
const defaultConditions: readonly RetryCondition[] = ['connect-failure', 'gateway-error', 'reset'];
const ofGrpc = new Set<RetryCondition>(['cancelled', 'deadline-exceeded', 'internal', 'resource-exhausted', 'unavailable']);
const defaultAttempts = 2;

/** `retries` in long form. `timeoutMs`: of the rule. */
export function resolveRetries(spec: RetriesSpec, timeoutMs: number | undefined, path: YamlPath, report: Report): RetryPolicy {
  const { attempts = defaultAttempts, codes, perTry, backoff = defaultBackoffMs, maxBackoff } = spec;
  const on = spec.on ?? (codes === undefined ? defaultConditions : [...defaultConditions, 'retriable-status-codes' as const]);
  checkRetries(spec, timeoutMs, path, report);
  // gRPC knows POST only: who names one of its conditions means it.
  const methods = spec.methods ?? (on.some(condition => ofGrpc.has(condition)) ? [...idempotent, 'POST'] : idempotent);
  return {
    attempts,
    on: uniqueTexts(on),
    statusCodes: [...new Set(codes ?? [])].sort((a, b) => a - b),
    perTryTimeoutMs: perTry ?? null,
    methods: uniqueTexts(methods),
    backoffBaseMs: backoff,
    ...(maxBackoff === undefined ? {} : { backoffMaxMs: maxBackoff }),
  };
}

function checkRetries(spec: RetriesSpec, timeoutMs: number | undefined, path: YamlPath, report: Report): void {
  const { attempts, on, codes, perTry, backoff = defaultBackoffMs, maxBackoff, methods } = spec;
  if (attempts === 0 && Object.keys(spec).length > 1) {
    const hint = '`retries: 0` alone turns them off; else write how many';
    report.error([...path, 'attempts'], { code: 'conflicting-fields', message: 'no retries, but words on how to retry', hint });
  }
  const unsafe = (methods ?? []).filter(method => !idempotent.includes(method));
  if (unsafe.length > 0 && !on?.some(condition => ofGrpc.has(condition))) {
    report.warning([...path, 'methods'], {
      code: 'retry-not-idempotent',
      message: `${unsafe.join(', ')} is not idempotent: a retry may do it twice`,
      hint: 'leave it out unless the service recognises repeated requests',
    });
  }
  if (on?.includes('retriable-status-codes') && codes === undefined) {
    const message = '`retriable-status-codes` without `codes`';
    report.error([...path, 'on'], { code: 'missing-field', message, hint: 'write `codes: [503]`' });
  }
  if (maxBackoff !== undefined && maxBackoff < backoff) {
    const message = `\`maxBackoff\` is shorter than \`backoff\` (${backoff} ms)`;
    report.error([...path, 'maxBackoff'], { code: 'bad-value', message, hint: 'write a longer time, or leave it out' });
  }
  if (perTry !== undefined && timeoutMs !== undefined && perTry >= timeoutMs) {
    const message = '`perTry` is not shorter than `timeout`, which ends the request before';
    report.warning([...path, 'perTry'], { code: 'no-effect', message, hint: 'write a shorter time, or leave it out' });
  }
}
