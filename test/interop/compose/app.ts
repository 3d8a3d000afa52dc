import type { Diagnostic } from '../../../src/config/diagnostic.ts';
import type { ContainerConfig } from '../../../src/config/mesh-config.ts';
import type { ComposeLoad, SourceService } from '../../../src/config/service-source.ts';
import { type LoadTextOptions, loadText } from './load-text.ts';

/** The service `app` of a project whose only service it is, given the YAML of its keys (one per line). */
export async function app(
  keys: string,
  options: LoadTextOptions & { readonly top?: string } = {},
): Promise<SourceService & { readonly load: ComposeLoad }> {
  const lines = keys.split('\n').map(line => `    ${line}`);
  const load = await loadText(`services:\n  app:\n    image: app\n${lines.join('\n')}\n${options.top ?? ''}\n`, options);
  const service = load.services.find(found => found.name === 'app');
  if (service === undefined) throw new Error(`no service came out: ${said(load.diagnostics).join('; ')}`);
  return { ...service, load };
}

/** Its container. */
export async function container(
  keys: string,
  options: LoadTextOptions & { readonly top?: string } = {},
): Promise<ContainerConfig> {
  return (await app(keys, options)).container;
}

/** Diagnostics in one line each, without the message. */
export function said(diagnostics: readonly Diagnostic[]): string[] {
  return diagnostics.map(found => `${found.severity} ${found.line}:${found.column} ${found.path} ${found.code}`);
}
