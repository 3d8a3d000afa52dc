import { homedir } from 'node:os';
import type { Engine, ExecRequest, Project } from '../api/backend.ts';
import { MeshError } from '../api/mesh-error.ts';
import { apiVersion } from '../api/types.ts';
import type { Clock } from '../async/clock.ts';
import { createRuntime } from '../runtime/create-runtime.ts';
import type { Docker } from '../runtime/docker.ts';
import { connectDocker } from '../runtime/dockerode-adapter.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { ports, sidecarUid } from '../snapshot/ports.ts';
import { readLogs } from './log-follower.ts';
import { workloadStatus } from './pod-report.ts';
import { findBundle, findNodeBinary } from './sidecar-parts.ts';

/** Finds the engine. @throws RuntimeError with all that was tried */
export function connectEngine(env: Project['env']): Promise<Docker> {
  return connectDocker({ env, home: homedir(), platform: process.platform, uid: process.getuid?.() ?? null });
}

/** The runtime of a project on an engine. */
export async function openRuntime(docker: Docker, project: Project, name: string, clock: Clock): Promise<Runtime> {
  const { arch } = await docker.info();
  return createRuntime({
    docker,
    project: name,
    projectDir: project.dir,
    clock,
    env: project.env,
    sidecar: {
      bundleDir: findBundle(),
      nodeBinary: findNodeBinary(arch),
      baseImage: project.env['MESH_PROXY_IMAGE'] || null,
      uid: sidecarUid,
      controlPort: ports.control,
    },
  });
}

/** What commands do to containers without a daemon. */
export function createEngine(runtime: Runtime, clock: Clock): Engine {
  return {
    workloads: async () => (await runtime.observe()).map(pod => workloadStatus(pod, null, [])),
    async plan(config, { build }) {
      const { project, operations } = await runtime.plan(config, { build, initial: true });
      return { apiVersion, kind: 'Plan', project, operations };
    },
    logs: request => readLogs(runtime, request, request.since === null ? '' : sinceMoment(request.since, clock.now())),
    exec: request => exec(runtime, request),
    async restart(names, onLine) {
      await runtime.restart(names, { signal: AbortSignal.timeout(120_000) });
      onLine(names.length === 0 ? 'restarted every app' : `restarted ${names.join(', ')}`);
    },
    down: ({ volumes }, onLine) => runtime.down({ volumes, onProgress: onLine }),
  };
}

/** Docker's `10m` and `1h30m` as RFC 3339; anything else is handed on as it is. @throws MeshError `usage` */
function sinceMoment(written: string, nowMs: number): string {
  const units: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1000 };
  if (/^(\d+(\.\d+)?[hms])+$/.test(written)) {
    const ageMs = [...written.matchAll(/([\d.]+)([hms])/g)].reduce(
      (sum, [, amount, unit]) => sum + Number(amount) * (units[unit ?? ''] ?? 0),
      0,
    );
    return new Date(nowMs - ageMs).toISOString();
  }
  if (/^\d+(\.\d+)?$/.test(written)) return written;
  const moment = Date.parse(written);
  if (Number.isNaN(moment))
    throw new MeshError(
      'usage',
      `"${written}" is no moment`,
      'write an age (`10m`, `1h30m`) or a time (`2026-01-31T12:00:00Z`)',
      64,
    );
  return new Date(moment).toISOString();
}

async function exec(runtime: Runtime, request: ExecRequest): Promise<number> {
  const { name, command, tty, interactive, user, workingDir } = request;
  const ending = new AbortController();
  if (tty) process.stdin.setRawMode(true);
  let stopResizing = (): void => undefined;
  try {
    return await runtime.exec(name, {
      command,
      tty,
      user,
      workingDir,
      environment: environmentOf(request.environment),
      stdin: interactive ? process.stdin : null,
      signal: ending.signal,
      onOutput: ({ stream, data }) => void (stream === 'stderr' ? process.stderr : process.stdout).write(data),
      onResizable: resize => {
        if (!tty) return;
        const tell = (): void => resize(process.stdout.columns, process.stdout.rows);
        process.stdout.on('resize', tell);
        stopResizing = () => process.stdout.off('resize', tell);
        tell();
      },
    });
  } finally {
    ending.abort();
    stopResizing();
    if (tty) process.stdin.setRawMode(false);
    // An open stdin would keep the process alive.
    process.stdin.unref?.();
    process.stdin.pause();
  }
}

/** `NAME=value`; a bare `NAME` passes ours on, as `docker exec -e` does. */
function environmentOf(entries: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    entries.flatMap(entry => {
      const at = entry.indexOf('=');
      if (at > 0) return [[entry.slice(0, at), entry.slice(at + 1)]];
      const value = process.env[entry];
      return value === undefined ? [] : [[entry, value]];
    }),
  );
}
