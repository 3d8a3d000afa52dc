import { type Diagnostic, errorAt, warningAt } from '../diagnostic.ts';
import type { SecretConfig, VolumeConfig } from '../mesh-config.ts';
import type { SourceService } from '../service-source.ts';
import { type Ask, type AskFacts, asksOf } from './privilege-asks.ts';

/** What judging needs to know of the machine and of the user's wishes. */
export interface PrivilegeFacts extends AskFacts {
  /** `--allow-privileged`: what would be an error is a warning. */
  readonly allowed: boolean;
  /** What the user said yes to: `grant` of diagnostics. */
  readonly granted: ReadonlySet<string>;
}

/** What a container asks for that reaches beyond its pod: each is an error unless the user said yes. */
export function privilegeDiagnostics(
  source: SourceService,
  declared: { readonly volumes: readonly VolumeConfig[]; readonly secrets: readonly SecretConfig[] },
  facts: PrivilegeFacts,
): Diagnostic[] {
  return asksOf(source, declared, facts).map(ask => judge(ask, source.name, facts));
}

function judge({ code, place, message, hint, what }: Ask, service: string, { allowed, granted }: PrivilegeFacts): Diagnostic {
  if (what === null) return errorAt({ code, ...place, message, hint });
  const grant = `${service}: ${what}`;
  if (allowed || granted.has(grant)) return { ...warningAt({ code, ...place, message, hint }), grant };
  return { ...errorAt({ code, ...place, message, hint: `${hint}; to allow it, start with \`--allow-privileged\`` }), grant };
}
