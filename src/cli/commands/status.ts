import { connectApi, isAlive } from '../../api/client.ts';
import { exitCodes, MeshError } from '../../api/mesh-error.ts';
import type { IssuerStatus, StatusDocument } from '../../api/types.ts';
import { lateText } from '../../text/certificate-text.ts';
import { escapeLine, escapeLines } from '../../text/escape.ts';
import { openEngine } from '../engine.ts';
import type { Invocation } from '../invocation.ts';
import type { Output } from '../output.ts';
import { age, table } from '../table.ts';
import { stateOf } from '../workload-text.ts';
import { faultTable } from './fault.ts';

/** `mesh status` */
export async function run(
  invocation: Invocation,
  _args: readonly string[],
  options: { readonly json?: boolean },
): Promise<number> {
  const { project, output } = invocation;
  if (!(await isAlive(project.socket))) throw await notRunning(invocation);
  const status = await connectApi(project.socket).status();
  if (options.json) output.json(status);
  else for (const line of lines(status, output)) output.data(line);
  return exitCodes.ok;
}

async function notRunning(invocation: Invocation): Promise<MeshError> {
  const none = new MeshError('no-daemon', `no mesh runs in ${invocation.project.dir}`, 'start it with `mesh up`');
  try {
    const { engine, name } = await openEngine(invocation);
    const running = (await engine.workloads()).filter(each => each.app?.state === 'running' || each.sidecar?.state === 'running');
    if (running.length === 0) return none;
    const what = `the daemon of ${name} is gone; ${running.length} workloads still run with the rules they had`;
    return new MeshError('no-daemon', what, '`mesh up -d` adopts them without a restart, `mesh down` removes them');
  } catch {
    return none;
  }
}

function lines(status: StatusDocument, output: Output): readonly string[] {
  const { daemon, engine, config } = status;
  const phase = output.paint(daemon.phase === 'running' ? 'green' : daemon.phase === 'failed' ? 'red' : 'yellow', daemon.phase);
  const synced = status.workloads.filter(each => each.proxy?.state === 'SYNCED').length;
  const reload = config.lastReload;
  const errors = config.diagnostics.filter(each => each.severity === 'error').length;
  return [
    `mesh       ${status.project} (${status.trustDomain})`,
    `daemon     ${phase}${daemon.reason === '' ? '' : `: ${escapeLines(daemon.reason)}`} (pid ${daemon.pid}, up ${age(daemon.uptimeMs)})`,
    ...(daemon.adminUrl === null ? [] : [`admin api  ${output.paint('cyan', daemon.adminUrl)}`]),
    `engine     ${engine.state === 'connected' ? 'connected' : output.paint('red', `lost: ${escapeLines(engine.reason)}`)}`,
    `config     ${config.file} @ ${config.version}${errors > 0 ? output.paint('red', ` (${errors} ${errors === 1 ? 'error' : 'errors'} in the file; the last good one serves)`) : ''}`,
    ...(config.reloading === undefined ? [] : [`reload     ${output.paint('yellow', 'under way')}`]),
    ...(reload === null || config.reloading !== undefined
      ? []
      : [`reload     ${reload.ok ? 'ok' : output.paint('red', 'rejected')}: ${escapeLines(reload.summary)}`]),
    `sidecars   ${synced} of ${status.workloads.length} in sync`,
    ...status.gateways.map(gateway => `gateway    ${gateway.name} ${output.paint('cyan', gateway.url)}`),
    ...(status.issuers ?? []).map(issuer => `issuer     ${issuerText(issuer, output)}`),
    '',
    ...table(
      ['WORKLOAD', 'STATE', 'PROXY', 'ADDRESS'],
      status.workloads.map(each => [each.name, stateOf(each, output), each.proxy?.state ?? '-', each.address ?? '-']),
    ),
    ...lateSvids(status, output),
    ...(status.faults.length > 0 ? ['', ...faultTable(status.faults)] : []),
    ...(config.diagnostics.length > 0 ? ['', ...config.diagnostics.map(each => each.text)] : []),
  ];
}

function issuerText({ issuer, keys, problem }: IssuerStatus, output: Output): string {
  const known = `${escapeLine(issuer)}: ${keys} ${keys === 1 ? 'key' : 'keys'}`;
  return problem === ''
    ? known
    : `${known}, ${output.paint(keys === 0 ? 'red' : 'yellow', `cannot be fetched: ${escapeLine(problem)}`)}`;
}

/** Certificates that should have been renewed. */
function lateSvids(status: StatusDocument, output: Output): readonly string[] {
  const late = status.workloads.flatMap(({ name, proxy }) =>
    proxy === null || proxy.svidLate === 0 ? [] : [`certificate of ${name}: ${output.paint('yellow', lateText(proxy.svidLate))}`],
  );
  return late.length === 0 ? [] : ['', ...late];
}
