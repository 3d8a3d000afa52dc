/** Istio's cases as data. */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { IstioObject } from '../../../src/interop/istio/objects.ts';

const file = fileURLToPath(new URL('../../../../shared/cases/istio.json', import.meta.url));

/** Why they cannot be run, `false` if they can. */
export const casesMissing: string | false = existsSync(file) ? false : 'the cases are not beside this repository';

/** An object that cases run against. `scope`: its namespace, `mesh` for that of the whole mesh. */
export interface CaseObject {
  readonly kind: string;
  readonly name: string;
  readonly scope?: string;
  readonly provider?: string;
  readonly spec: unknown;
}

/** All of them; `cases` are of the shape that their reader knows. */
export interface IstioCases<Case> {
  readonly meta: { readonly fixture: { readonly tokens: Readonly<Record<string, Readonly<Record<string, unknown>>>> } };
  readonly configs: Readonly<Record<string, readonly CaseObject[]>>;
  readonly cases: readonly Case[];
}

/** What there is where they are missing. */
export const noCases: IstioCases<never> = { meta: { fixture: { tokens: {} } }, configs: {}, cases: [] };

/** Reads them. */
export function istioCases<Case>(): IstioCases<Case> {
  return JSON.parse(readFileSync(file, 'utf8')) as IstioCases<Case>;
}

/** As Istio would have it: the cases' own services live in `ns1`. */
export function istioObject({ kind, name, scope = 'ns1', spec }: CaseObject): IstioObject {
  return { kind, metadata: { name, namespace: scope === 'mesh' ? 'istio-system' : scope }, spec };
}
