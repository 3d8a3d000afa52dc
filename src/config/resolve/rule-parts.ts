import type { CorsPolicy, HeaderEdits, HeaderField, RateLimit } from '../../snapshot/route-rule.ts';
import type { MirrorConfig, ServiceConfig } from '../mesh-config.ts';
import type { CorsSpec } from '../schema/cors.ts';
import type { HeaderEditsSpec, HeadersSpec } from '../schema/headers.ts';
import { authority, headerProblem } from '../schema/http-leaves.ts';
import { type RateLimitSpec, rateLimitOf } from '../schema/rate-limit.ts';
import type { RouteRuleSpec } from '../schema/route.ts';
import { shown } from '../shown.ts';
import { uniqueTexts } from '../unique-texts.ts';
import type { YamlPath } from '../yaml-node.ts';
import type { Destinations } from './destinations.ts';
import { checkRegex } from './regex.ts';
import type { Report } from './report.ts';

/** `headers` of a rule or of a share; a side without changes is absent. */
export function resolveHeaders(
  spec: HeadersSpec | undefined,
  path: YamlPath,
  report: Report,
): { readonly requestHeaders?: HeaderEdits; readonly responseHeaders?: HeaderEdits } {
  const request = edits(spec?.request, true, [...path, 'request'], report);
  const response = edits(spec?.response, false, [...path, 'response'], report);
  return {
    ...(request === null ? {} : { requestHeaders: request }),
    ...(response === null ? {} : { responseHeaders: response }),
  };
}

function edits(spec: HeaderEditsSpec | undefined, request: boolean, path: YamlPath, report: Report): HeaderEdits | null {
  const { remove = [], set = {}, add = {} } = spec ?? {};
  for (const [place, name] of remove.entries()) checkHeader(name, false, report.entry([...path, 'remove'], place), false, report);
  const fields = (part: 'set' | 'add', values: Readonly<Record<string, string>>): HeaderField[] => {
    const seen = new Set<string>();
    return Object.entries(values).map(([written, value]) => {
      const at = [...path, part, written];
      const name = written.toLowerCase();
      checkHeader(written, request && part === 'set', at, true, report);
      if (seen.has(name)) {
        const message = `\`${name}\` is there twice: case does not count`;
        report.error(at, { code: 'duplicate-name', key: true, message, hint: 'keep one of them' });
      }
      seen.add(name);
      const host = name === 'host' && request && part === 'set' ? authority.safeParse(value) : null;
      if (host?.success === false) {
        const message = `${shown(value)} is not a host`;
        report.error(at, { code: 'bad-value', message, hint: 'a host name, with a port if need be: `other` or `other:8080`' });
      }
      return { name, value };
    });
  };
  const result = {
    remove: uniqueTexts(remove.map(name => name.toLowerCase())),
    set: fields('set', set),
    add: fields('add', add),
  };
  return result.remove.length + result.set.length + result.add.length === 0 ? null : result;
}

function checkHeader(name: string, mayBeHost: boolean, path: YamlPath, key: boolean, report: Report): void {
  const host = name.toLowerCase() === 'host';
  const problem =
    host && !mayBeHost
      ? { problem: '`host` can only be set, and only on requests', hint: 'write `rewrite: {host: other}`' }
      : headerProblem(name);
  if (problem !== null) report.error(path, { code: 'bad-name', key, message: problem.problem, hint: problem.hint });
}

/** `cors` in long form. */
export function resolveCors(spec: CorsSpec, path: YamlPath, report: Report): CorsPolicy {
  for (const [place, origin] of spec.origins.entries()) {
    const at = report.entry([...path, 'origins'], place);
    const whole = report.has([...at, 'regex']) ? [...at, 'regex'] : at;
    if (origin.kind !== 'regex' || !checkRegex(origin.value, whole, report)) continue;
    if (spec.credentials === true && /^\.[*+]$/.test(origin.value)) {
      const message = 'every page of the web could call with the cookies of its visitor';
      report.error(whole, { code: 'bad-cors', message, hint: 'name the origins, or leave `credentials` out' });
    }
  }
  const { methods = [], headers = [], expose = [], maxAge, credentials = false, unmatchedPreflights = 'forward' } = spec;
  if (maxAge !== undefined && maxAge < 1000) {
    const message = '`maxAge` is sent in whole seconds';
    report.error([...path, 'maxAge'], { code: 'bad-value', message, hint: 'at least `1s`' });
  }
  return {
    allowOrigins: spec.origins,
    allowMethods: methods,
    allowHeaders: headers,
    exposeHeaders: expose,
    ...(maxAge === undefined ? {} : { maxAgeSeconds: Math.floor(maxAge / 1000) }),
    allowCredentials: credentials,
    unmatchedPreflights,
  };
}

/** Who gets copies. */
export function resolveMirrors(
  spec: NonNullable<RouteRuleSpec['mirror']>,
  home: ServiceConfig | null,
  path: YamlPath,
  destinations: Destinations,
  report: Report,
): MirrorConfig[] {
  return spec.flatMap(({ to, percent = 100 }, place): MirrorConfig[] => {
    const at = report.entry(path, place);
    const found = destinations.find(to, home, report.has([...at, 'to']) ? [...at, 'to'] : at);
    return found === null ? [] : [{ ...found, percent }];
  });
}

/** Limits of a rule: judged at the caller's sidecar, where one service calls, or at a gateway, whose callers have no identity. */
export function resolveRateLimits(spec: readonly RateLimitSpec[], name: string, path: YamlPath, report: Report): RateLimit[] {
  return spec.map((limit, place) => {
    if (limit.by?.kind === 'source') {
      report.error([...report.entry(path, place), 'by'], {
        code: 'conflicting-fields',
        message: 'a rule cannot tell sources apart: it is judged where the caller is',
        hint: 'write the limit at the service, `services: {<name>: {rateLimit: {…, by: source}}}`',
      });
    }
    return rateLimitOf(limit, place === 0 ? name : `${name}#${place + 1}`);
  });
}
