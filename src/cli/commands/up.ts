import { alreadyRunning } from '../../api/already-running.ts';
import type { LogLine, RunningDaemon } from '../../api/backend.ts';
import { isAlive } from '../../api/client.ts';
import { exitCodes, MeshError } from '../../api/mesh-error.ts';
import type { MeshApi } from '../../api/types.ts';
import { escapeLines } from '../../text/escape.ts';
import { askConsent } from '../consent.ts';
import { startDetached } from '../detached.ts';
import type { Invocation } from '../invocation.ts';
import { loadConfig } from '../load-config.ts';
import { LogPainter } from '../log-painter.ts';
import { printPlan } from '../plan-text.ts';
import { createPresenter, type Presenter, story } from '../progress.ts';
import { followSignals } from '../signals.ts';
import { missingOf } from '../workload-text.ts';

const stopped = 'stopped; `mesh up` starts it again, `mesh down` removes it';

interface UpOptions {
  readonly detach?: boolean;
  readonly wait?: boolean;
  readonly build?: boolean;
  readonly dryRun?: boolean;
  readonly logs: boolean;
  readonly timeout?: number;
  readonly json?: boolean;
  /** `true`: any free port. */
  readonly adminPort?: number | true;
}

/** `mesh up` */
export async function run(invocation: Invocation, _args: readonly string[], options: UpOptions): Promise<number> {
  if (options.dryRun) return dryRun(invocation, options);
  const agreed = await askConsent(invocation);
  return options.detach || options.wait ? detached(agreed, options) : attached(agreed, options);
}

async function dryRun(invocation: Invocation, options: UpOptions): Promise<number> {
  const config = await loadConfig(invocation);
  const engine = await (await invocation.backend()).openEngine(invocation.project, config.name);
  printPlan(await engine.plan(config, { build: options.build ?? false }), invocation.output, options.json ?? false);
  return exitCodes.ok;
}

function adminPort({ adminPort: port }: UpOptions): number | null {
  return port === true ? 0 : (port ?? null);
}

/** The daemon lives in this process: Ctrl-C reaches it directly, and its end is ours. */
async function attached(invocation: Invocation, options: UpOptions): Promise<number> {
  const { output } = invocation;
  const backend = await invocation.backend();
  const daemon = await backend.startDaemon(invocation.project, { build: options.build ?? false, adminPort: adminPort(options) });
  const presenter = createPresenter(invocation);
  const ending = new AbortController();
  let ready = false;
  let interrupted: number | null = null;
  /** Whether everything was stopped. */
  let stopping: Promise<boolean> | null = null;
  using _signals = followSignals(code => {
    interrupted = code;
    presenter.between(() => output.note('stopping … (Ctrl-C again: at once)'));
    stopping = daemon.stop({ containers: true }).then(
      () => true,
      error => {
        presenter.between(() => output.note(String(error)));
        return false;
      },
    );
  });
  const expired = options.timeout === undefined ? null : AbortSignal.timeout(options.timeout * 1000);
  let missing: readonly string[] = [];
  expired?.addEventListener('abort', async () => {
    if (ready) return;
    missing = await missingIn(daemon);
    await daemon.stop({ containers: true }).catch(error => presenter.between(() => output.note(String(error))));
  });

  const watching = (async () => {
    for await (const event of daemon.events('run', ending.signal)) {
      presenter.show(event);
      if (event.kind === 'phase' && event.phase === 'failed') return;
      if (event.kind === 'ready' && !ready) {
        ready = true;
        const { project } = await daemon.status();
        presenter.between(() => output.note(story(project, event.gateways, output, false)));
        if (options.logs && invocation.progress !== 'quiet') void followLogs(invocation, daemon, presenter, ending.signal);
      }
    }
  })();
  try {
    await Promise.race([daemon.ended, watching.then(() => daemon.ended)]);
  } finally {
    ending.abort();
    presenter.end();
  }
  if (expired?.aborted && !ready) throw notReady(options.timeout ?? 0, missing);
  if (await stopping) output.note(output.addressed(stopped));
  // Ctrl-C is how an attached `up` is meant to end.
  return interrupted === null || interrupted === exitCodes.interrupted ? exitCodes.ok : interrupted;
}

async function followLogs(
  invocation: Invocation,
  daemon: RunningDaemon,
  presenter: Presenter,
  signal: AbortSignal,
): Promise<void> {
  const { project, workloads, daemon: own } = await daemon.status();
  const painter = new LogPainter(
    invocation.output,
    workloads.map(workload => workload.name),
  );
  const engine = await (await invocation.backend()).openEngine(invocation.project, project);
  const onLine = (line: LogLine): void => presenter.between(() => painter.print(line));
  const request = {
    names: [],
    container: 'app',
    follow: true,
    tail: null,
    // What adopted apps wrote before is history.
    since: own.startedAt,
    timestamps: false,
    signal,
    onLine,
  } as const;
  // Logs are a convenience here: when the engine goes away the mesh goes on, and the engine's event says so.
  await engine.logs(request).catch(() => undefined);
}

async function detached(invocation: Invocation, options: UpOptions): Promise<number> {
  const { project, output } = invocation;
  if (await isAlive(project.socket)) {
    const backend = await invocation.backend();
    const name = project.name ?? (await backend.recordedName(project));
    throw alreadyRunning(project, { name, pid: await backend.recordedPid(project) });
  }
  const presenter = createPresenter(invocation);
  const ending = new AbortController();
  const starting = startDetached(invocation, [
    ...(options.build ? ['--build'] : []),
    ...(project.allowPrivileged ? ['--allow-privileged'] : []),
    ...(adminPort(options) === null ? [] : ['--admin-port', String(adminPort(options))]),
  ]);
  // The daemon has a session of its own, which Ctrl-C does not reach: it is told, also when it has hardly begun.
  using _signals = followSignals(code => {
    presenter.between(() => output.note('stopping … (Ctrl-C again: at once)'));
    starting
      .then(daemon => daemon.stop({ containers: true }))
      .then(() => output.note(output.addressed(stopped)))
      .catch(error => presenter.between(() => output.note(String(error))))
      .finally(() => process.exit(code));
  });
  const api = await starting;
  const signal =
    options.timeout === undefined ? ending.signal : AbortSignal.any([ending.signal, AbortSignal.timeout(options.timeout * 1000)]);
  try {
    await untilReady(api, presenter, options.wait ?? false, signal, invocation);
  } finally {
    ending.abort();
    presenter.end();
  }
  if (signal.reason instanceof DOMException && signal.reason.name === 'TimeoutError')
    throw notReady(options.timeout ?? 0, await missingIn(api));
  const { project: name, gateways } = await api.status();
  if (invocation.progress !== 'quiet') output.note(story(name, gateways, output, true));
  return exitCodes.ok;
}

async function untilReady(
  api: MeshApi,
  presenter: Presenter,
  healthy: boolean,
  signal: AbortSignal,
  invocation: Invocation,
): Promise<void> {
  let failure: { readonly reason: string; readonly hint: string } | null = null;
  for await (const event of api.events('run', signal)) {
    presenter.show(event);
    if (event.kind === (healthy ? 'healthy' : 'ready')) return;
    if (event.kind === 'phase' && event.phase === 'failed') failure = event;
  }
  if (signal.aborted) return;
  presenter.end();
  if (failure !== null) throw new MeshError('up-failed', failure.reason, failure.hint);
  throw new MeshError(
    'daemon-ended',
    'the daemon ended before the mesh was ready',
    `its log is ${invocation.project.stateDir}/daemon.log`,
  );
}

/** What the daemon still waits for, one line each; empty where it cannot be asked. */
async function missingIn(api: MeshApi): Promise<readonly string[]> {
  try {
    const { daemon, workloads } = await api.status();
    const [reason = ''] = daemon.reason.split('\n');
    return [reason, ...workloads.map(missingOf)].flatMap(line => (line === null || line === '' ? [] : [escapeLines(line)]));
  } catch {
    return [];
  }
}

function notReady(seconds: number, missing: readonly string[]): MeshError {
  return new MeshError(
    'timeout',
    [`the mesh was not ready within ${seconds} s`, ...missing.map(line => `  ${line}`)].join('\n'),
    '`mesh ps` and `mesh logs` show more; raise --timeout if it only needs longer',
  );
}
