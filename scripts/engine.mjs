// The Docker engine as the scripts need it: plain HTTP over its socket, no packages. Runs on Node 20.
import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync } from 'node:fs';
import { request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { run, Stop, say } from './say.mjs';
import { ensureProgram } from './system-packages.mjs';

/** Where the engine is: DOCKER_HOST (unix or tcp without TLS), else the well-known socket. */
function target() {
  const host = process.env.DOCKER_HOST ?? 'unix:///var/run/docker.sock';
  if (host.startsWith('unix://')) return { socketPath: host.slice('unix://'.length) };
  const { hostname, port } = new URL(host.replace(/^tcp:/, 'http:'));
  return { host: hostname, port: Number(port || 2375) };
}

/**
 * One call of the engine's API. `body`: an object (sent as JSON), a Buffer or a readable stream (sent as a tar).
 * Resolves to the status and the body as text; rejects when the engine does not answer.
 */
export function engineCall(method, path, body = undefined, timeoutMs = 0) {
  return new Promise((resolve, reject) => {
    const json = body !== undefined && !Buffer.isBuffer(body) && typeof body.pipe !== 'function';
    const headers = body === undefined ? {} : { 'content-type': json ? 'application/json' : 'application/x-tar' };
    const call = request({ ...target(), method, path, headers, timeout: timeoutMs }, response => {
      const chunks = [];
      response.on('data', chunk => chunks.push(chunk));
      response.on('end', () => resolve({ status: response.statusCode, body: Buffer.concat(chunks).toString('utf8') }));
      response.on('error', reject);
    });
    call.on('timeout', () => call.destroy(new Error(`the engine did not answer in ${timeoutMs} ms`)));
    call.on('error', reject);
    if (body === undefined) call.end();
    else if (json) call.end(JSON.stringify(body));
    else if (Buffer.isBuffer(body)) call.end(body);
    else body.on('error', reject).pipe(call);
  });
}

/** Does an engine answer? */
export async function enginePing() {
  try {
    return (await engineCall('GET', '/_ping', undefined, 5000)).status === 200;
  } catch {
    return false;
  }
}

/** Makes sure that an engine answers: starts an installed one, installs Debian's or Ubuntu's as root, or says what to do and stops. */
export async function ensureEngine() {
  if (await enginePing()) return;
  if (process.env.DOCKER_HOST !== undefined)
    throw new Stop(`No Docker engine answers at DOCKER_HOST=${process.env.DOCKER_HOST}. Start it, or unset DOCKER_HOST.`);
  const why = existsSync('/var/run/docker.sock') ? ' (or this user may not use /var/run/docker.sock)' : '';
  const missing = `No Docker engine answers${why}.`;
  await ensureProgram('dockerd', { packages: ['docker.io', 'iptables', 'iproute2'], missing, after: 'service docker start' });
  if (process.getuid?.() !== 0) throw new Stop(`${missing} Start it, then try again:\n\n    sudo service docker start\n`);
  await start();
}

async function start() {
  // After an installation the package may have started it already.
  for (let i = 0; i < 5; i++) {
    if (await enginePing()) return;
    await delay(300);
  }
  const log = '/var/log/localmesh-dockerd.log';
  if (existsSync('/run/systemd/system')) {
    say('engine', 'starting it with systemctl');
    await run('systemctl', ['start', 'docker']);
  } else {
    say('engine', `starting dockerd (log: ${log})`);
    const file = openSync(log, 'a');
    // Its own session, so that it outlives this script and the terminal.
    spawn('dockerd', [], { detached: true, stdio: ['ignore', file, file] }).unref();
    closeSync(file);
  }
  for (let i = 0; i < 200; i++) {
    if (await enginePing()) return say('engine', 'answers');
    await delay(300);
  }
  throw new Stop(`dockerd was started but does not answer. The end of ${log} says why.`);
}
