import { createHash } from 'node:crypto';
import type { PrintedDiagnostic } from '../api/types.ts';
import type { MeshConfig } from '../config/mesh-config.ts';

/** What lies between two configurations, as a reload reports it. */
export interface ConfigChange {
  readonly kind: 'none' | 'routing' | 'services';
  /** `2 routes and 1 gateway changed`; empty for `none`. */
  readonly text: string;
}

/** Settings of the whole mesh that change as one. */
const ofTheMesh = [
  ['pathNormalization', 'path normalization'],
  ['identity', 'identities'],
  ['authorizers', 'authorizers'],
  ['tokens', 'tokens'],
  ['egress', 'egress'],
  ['tracing', 'tracing'],
  ['metrics', 'scrapers'],
  ['proxy', 'proxy settings'],
  ['seed', 'the seed'],
] as const satisfies readonly (readonly [keyof MeshConfig, string])[];

/**
 * Compares two configurations. `routing`: nothing that a container is made from differs, so the engine need not be asked;
 * the judgement errs towards `services`, which only costs a plan that turns out empty.
 */
export function compareConfigs(before: MeshConfig, after: MeshConfig): ConfigChange {
  if (same(content(before), content(after))) return { kind: 'none', text: '' };
  const parts = [
    count('service', changed(before.services.map(containerPart), after.services.map(containerPart))),
    count('route', changed(routes(before), routes(after))),
    countPolicies(staying(before, after).filter(([was, is]) => !same(policyPart(was), policyPart(is))).length),
    count('gateway', changed(before.gateways, after.gateways)),
    count('external service', changed(before.external ?? [], after.external ?? [])),
    ...(same(before.access, after.access) && staying(before, after).every(([was, is]) => was.access === is.access)
      ? []
      : ['access rules']),
    ...(before.mtls === after.mtls &&
    staying(before, after).every(([was, is]) => same([was.mtls, was.mtlsPorts], [is.mtls, is.mtlsPorts]))
      ? []
      : ['mTLS']),
    ...ofTheMesh.flatMap(([field, words]) => (same(before[field], after[field]) ? [] : [words])),
  ].filter(part => part !== '');
  const kind = same(containers(before), containers(after)) ? 'routing' : 'services';
  return { kind, text: `${parts.join(', ') || 'settings'} changed` };
}

/** A running mesh cannot take another name: everything it made carries the old one. */
export function renamed(before: MeshConfig, after: MeshConfig, file: string): PrintedDiagnostic {
  const message = `the mesh runs as "${before.name}" and cannot become "${after.name}"`;
  const hint = 'write the old name again, or `mesh down` first';
  const text = `${file}: error [name-changed]\n  name: ${message}\n  hint: ${hint}`;
  return { code: 'name-changed', severity: 'error', file, line: null, column: null, path: 'name', message, hint, text };
}

/** Short content hash of a configuration, for `mesh status`. */
export function configVersion(config: MeshConfig): string {
  return createHash('sha256')
    .update(JSON.stringify(content(config)))
    .digest('hex')
    .slice(0, 12);
}

/** The list of files is about where, not what. */
function content(config: MeshConfig): unknown {
  return { ...config, files: [] };
}

function containers(config: MeshConfig): unknown {
  return {
    name: config.name,
    trustDomain: config.trustDomain,
    namespace: config.namespace,
    services: config.services.map(containerPart),
    gateways: config.gateways.map(({ name, hostAddress, port }) => ({ name, hostAddress, port })),
    volumes: config.volumes,
    secrets: config.secrets,
    proxy: { ...config.proxy, accessLog: null, accessLogFilter: null },
  };
}

function containerPart({ name, namespace, account, aliases, ports, versions }: Service): { readonly name: string } {
  return { name, ...{ namespace, account, aliases, ports: ports.map(({ port }) => port), versions } };
}

function routes(config: MeshConfig): readonly { readonly name: string }[] {
  return config.services.flatMap(({ name, routes }) => routes.map((route, index) => ({ ...route, name: `${name} ${index}` })));
}

type Service = MeshConfig['services'][number];

/** Services that are there before and after: a new one is told as such, not by its parts. */
function staying(before: MeshConfig, after: MeshConfig): readonly (readonly [was: Service, is: Service])[] {
  const old = new Map(before.services.map(service => [service.name, service]));
  return after.services.flatMap(is => {
    const was = old.get(is.name);
    return was === undefined ? [] : [[was, is] as const];
  });
}

/** What is left of a service without its containers, rules, mTLS and access. */
function policyPart({
  name,
  namespace,
  account,
  aliases,
  ports,
  versions,
  mtls,
  mtlsPorts,
  access,
  routes,
  ...policy
}: Service): unknown {
  return [policy, ports.map(({ port, exposed, ...speaks }) => speaks)];
}

function countPolicies(number: number): string {
  return number === 0 ? '' : `${number} ${number === 1 ? 'policy' : 'policies'}`;
}

/** Entries that are new, gone or different. */
function changed(before: readonly { readonly name: string }[], after: readonly { readonly name: string }[]): number {
  const old = new Map(before.map(each => [each.name, JSON.stringify(each)]));
  const now = new Map(after.map(each => [each.name, JSON.stringify(each)]));
  return [...new Set([...old.keys(), ...now.keys()])].filter(name => old.get(name) !== now.get(name)).length;
}

function count(noun: string, number: number): string {
  return number === 0 ? '' : `${number} ${noun}${number === 1 ? '' : 's'}`;
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
