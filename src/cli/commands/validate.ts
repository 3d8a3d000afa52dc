import { exitCodes } from '../../api/mesh-error.ts';
import { apiVersion } from '../../api/types.ts';
import { printDiagnostics } from '../../config/print.ts';
import type { Invocation } from '../invocation.ts';
import { readConfig } from '../load-config.ts';

interface ValidateOptions {
  readonly json?: boolean;
  readonly failureThreshold: 'error' | 'warning';
}

/** `mesh validate`: reads everything, runs nothing. The issues are the data. */
export async function run(invocation: Invocation, _args: readonly string[], options: ValidateOptions): Promise<number> {
  const { output } = invocation;
  const { config, diagnostics, sources } = await readConfig(invocation);
  const errors = diagnostics.filter(each => each.severity === 'error').length;
  const warnings = diagnostics.length - errors;
  if (options.json) {
    output.json({ apiVersion, kind: 'Validation', valid: config !== null, errors, warnings, diagnostics });
  } else if (diagnostics.length > 0) {
    output.data(printDiagnostics(diagnostics, { sources, color: output.colours.stdout, cwd: process.cwd() }).trimEnd());
  } else if (config !== null) {
    output.note(
      `${config.name}: ${count(config.services.length, 'service')}, ${count(config.gateways.length, 'gateway')}, no issues`,
    );
  }
  const fails = errors > 0 || config === null || (options.failureThreshold === 'warning' && warnings > 0);
  return fails ? exitCodes.issues : exitCodes.ok;
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
