import { randomBytes } from 'node:crypto';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { alreadyRunning } from '../api/already-running.ts';
import type { Backend, Project, StartOptions } from '../api/backend.ts';
import { badConfig } from '../api/bad-config.ts';
import { isAlive } from '../api/client.ts';
import { MeshError } from '../api/mesh-error.ts';
import { createApiHandler, createApiServer } from '../api/server.ts';
import { stateFolder } from '../api/socket-path.ts';
import { version } from '../api/version.ts';
import { systemClock } from '../async/clock.ts';
import { createRandom } from '../async/random.ts';
import { watchFiles } from '../config/watch.ts';
import { Authority } from '../pki/authority.ts';
import { PkiError } from '../pki/pki-error.ts';
import { escapeLines } from '../text/escape.ts';
import { claimSocket } from './claim.ts';
import { readConfig } from './config-source.ts';
import { createControlLink } from './control-link.ts';
import { Daemon } from './daemon.ts';
import { examine } from './doctor.ts';
import { connectEngine, createEngine, openRuntime } from './engine-session.ts';
import { EventFile } from './event-file.ts';
import { EventLog } from './event-log.ts';
import { keepHeapSmall } from './small-heap.ts';
import { forgetRun, openStateFolder, readRecord, writePublicRoot, writeRecord } from './state-folder.ts';
import { findDashboard, WebAccess } from './web-access.ts';

/** The daemon's side of the program: the one thing that the CLI loads from here. */
export const backend: Backend = {
  async startDaemon(project, options) {
    keepHeapSmall();
    await openStateFolder(project.stateDir);
    // The API answers from the first moment: a second start must see that somebody is here.
    const started = Promise.withResolvers<Daemon>();
    started.promise.catch(() => undefined);
    const server = createApiServer(started.promise, { clock: systemClock, onBug });
    if (!(await claimSocket(server, project.socket))) throw await secondStart(project);
    const web = new WebAccess(createApiHandler(started.promise, { clock: systemClock, onBug }), {
      stateDir: project.stateDir,
      clock: systemClock,
      dashboard: findDashboard(),
    });
    const release = async (removed: boolean): Promise<void> => {
      await web.close();
      // The socket and its file go at once. Answers under way, that to `stop` among them, end after it: the process waits for them, we may not.
      server.close();
      server.closeIdleConnections();
      if (removed) await forgetRun(project.stateDir);
    };
    try {
      if (options.adminPort !== null) await web.open(options.adminPort);
      const daemon = await compose(project, options, web, release);
      started.resolve(daemon);
      return daemon;
    } catch (error) {
      started.reject(error);
      await release(false);
      throw error;
    }
  },

  async openEngine(project, name) {
    return createEngine(await openRuntime(await connectEngine(project.env), project, name, systemClock), systemClock);
  },

  async recordedName(project) {
    return (await readRecord(project.stateDir))?.project ?? null;
  },

  async recordedPid(project) {
    return (await readRecord(project.stateDir))?.pid ?? null;
  },

  async whileClaimed(project, fn) {
    const server = createServer(socket => socket.destroy());
    if (!(await claimSocket(server, project.socket))) throw await secondStart(project);
    try {
      return await fn();
    } finally {
      await new Promise(resolve => server.close(resolve));
    }
  },

  forget: project => forgetRun(project.stateDir),
  doctor: examine,
};

/** The composition of the control plane's program, from the outside in. */
async function compose(
  project: Project,
  options: StartOptions,
  web: WebAccess,
  release: (removed: boolean) => Promise<void>,
): Promise<Daemon> {
  const clock = systemClock;
  const { config, diagnostics, files } = await readConfig(project);
  if (config === null) {
    throw badConfig(diagnostics, diagnostics.map(each => each.text).join('\n'));
  }
  await refuseTwin(project, config.name);
  // Before anything is made: `down` must find it even if the next line is our last.
  const startedAt = new Date(clock.now()).toISOString();
  const docker = await connectEngine(project.env);
  await writeRecord(project.stateDir, {
    project: config.name,
    pid: process.pid,
    socket: project.socket,
    startedAt,
    version: version(),
  });
  const runtime = await openRuntime(docker, project, config.name, clock);
  // One root per state folder: it outlives daemons and `down`, so that adopted sidecars go on trusting the next daemon.
  const authority = await openAuthority(project, config.trustDomain);
  // No pod was made with the roots of before.
  if (authority.roots.some(root => root.role === 'retired') && (await runtime.observe()).length === 0)
    await authority.forgetRetired();
  // For clients outside the mesh; without the key, which is beside it.
  const onRoots = (bundlePem: string): Promise<void> => writePublicRoot(project.stateDir, bundlePem);
  await onRoots(authority.bundlePem);
  const random = createRandom(randomBytes(4).readUInt32LE());
  const control = createControlLink({ authority, clock, random, runtime, version: version(), onRoots });
  const events = new EventLog(() => clock.now(), await EventFile.open({ clock, stateDir: project.stateDir }));
  events.emit({ kind: 'started', version: version(), pid: process.pid });
  const daemon = new Daemon(
    {
      project,
      version: version(),
      pid: process.pid,
      clock,
      runtime,
      control,
      events,
      config,
      diagnostics,
      readConfig: () => readConfig(project),
      watchFiles,
      web,
      release,
    },
    options,
  );
  daemon.begin();
  daemon.watch(files);
  return daemon;
}

/** Of one request: it was answered with 500, and the mesh goes on. */
function onBug(error: unknown): void {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`bug: ${escapeLines(text)}\n`);
}

async function openAuthority(project: Project, trustDomain: string): Promise<Authority> {
  try {
    return await Authority.open({ directory: join(project.stateDir, 'pki'), trustDomain, clock: systemClock });
  } catch (error) {
    throw error instanceof PkiError ? new MeshError('pki', error.message) : error;
  }
}

/** The same containers under two state folders (with and without `-p`) would have two daemons and two roots. */
async function refuseTwin(project: Project, name: string): Promise<void> {
  const stateDir = stateFolder(project.dir, project.name === null ? name : null);
  const twin = await readRecord(stateDir);
  if (twin?.project !== name || !(await isAlive(twin.socket))) return;
  // Said in full: the command line's own -p would name the wrong one of the two.
  const hint =
    project.name === null
      ? `it was started with -p: \`mesh -p ${name} down\` ends it`
      : 'it was started without -p: "mesh down" without it ends it';
  throw alreadyRunning({ dir: project.dir, socket: twin.socket }, { name, pid: twin.pid }, hint);
}

async function secondStart(project: Project): Promise<MeshError> {
  const record = await readRecord(project.stateDir);
  return alreadyRunning(project, { name: project.name ?? record?.project ?? null, pid: record?.pid ?? null });
}
