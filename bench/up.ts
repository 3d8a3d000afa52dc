/**
 * Time of `mesh up` and `mesh down` against creating and removing the same containers plainly (network, volume, the same images,
 * commands and order, no sidecars), interleaved on the real engine with all images present.
 *
 *   node bench/up.ts [--rounds 3] [--pods 20] [--write]
 *
 * Then a mesh of `--pods` redis services, written straight in mesh.yaml, up and down once.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type Docker from 'dockerode';
import { Bookshop } from '../test/support/bookshop.ts';
import { mesh as meshIn } from '../test/support/mesh-command.ts';
import { median } from './median.ts';
import { pssBytes } from './process-cpu.ts';
import { writeTable } from './table.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    pods: { type: 'string', default: '20' },
    write: { type: 'boolean', default: false },
  },
});
const pods = Number(values.pods);
const rounds = Number(values.rounds);
await using shop = await Bookshop.create('bench-up');
const { docker } = shop;

async function timed(work: () => Promise<void>): Promise<number> {
  const from = performance.now();
  await work();
  return performance.now() - from;
}

async function mesh(...args: string[]): Promise<void> {
  const result = await shop.mesh(...args);
  if (result.code !== 0) throw new Error(`mesh ${args.join(' ')}: ${result.stderr}`);
}

/** What the app containers of the running mesh were made from, in the order of their start. */
async function appBodies(): Promise<Docker.ContainerCreateOptions[]> {
  const { workloads } = await shop.status();
  const apps = workloads
    .flatMap(item => (item.app === null ? [] : [item.app]))
    .sort((a, b) => a.startedAt.localeCompare(b.startedAt));
  return Promise.all(
    apps.map(async app => {
      const { Config, HostConfig } = await docker.getContainer(app.id).inspect();
      return {
        Image: Config.Image,
        Cmd: Config.Cmd,
        Env: Config.Env,
        ...(Config.Healthcheck ? { Healthcheck: Config.Healthcheck } : {}),
        HostConfig: { NetworkMode: 'bench-plain', RestartPolicy: HostConfig.RestartPolicy ?? { Name: 'no' } },
      };
    }),
  );
}

async function healthy(container: Docker.Container): Promise<void> {
  while ((await container.inspect()).State.Health?.Status !== 'healthy') await new Promise(resolve => setTimeout(resolve, 50));
}

async function plainUp(bodies: readonly Docker.ContainerCreateOptions[]): Promise<Docker.Container[]> {
  await docker.createNetwork({ Name: 'bench-plain' });
  const made: Docker.Container[] = [];
  for (const body of bodies) {
    const container = await docker.createContainer(body);
    await container.start();
    made.push(container);
    // What starts next depends on it (`condition: service_healthy`), under compose as under the mesh.
    if (body.Healthcheck !== undefined) await healthy(container);
  }
  return made;
}

async function plainDown(containers: readonly Docker.Container[]): Promise<void> {
  await Promise.all(containers.map(container => container.remove({ force: true, v: true })));
  await docker.getNetwork('bench-plain').remove();
}

await mesh('up', '-d', '--wait'); // builds the images and gives the bodies
const bodies = await appBodies();
const { workloads, daemon } = await shop.status();
const pids = await Promise.all(
  workloads.flatMap(item => (item.sidecar === null ? [] : [docker.getContainer(item.sidecar.id).inspect()])),
);
const sidecarPss = median(pids.map(item => pssBytes(item.State.Pid))) / 1e6;
const daemonPss = pssBytes(daemon.pid) / 1e6;
await mesh('down');

const times = { up: [] as number[], down: [] as number[], plainUp: [] as number[], plainDown: [] as number[] };
for (let round = 0; round < rounds; round++) {
  times.up.push(await timed(() => mesh('up', '-d', '--wait')));
  times.down.push(await timed(() => mesh('down')));
  let made: Docker.Container[] = [];
  times.plainUp.push(
    await timed(async () => {
      made = await plainUp(bodies);
    }),
  );
  times.plainDown.push(await timed(() => plainDown(made)));
}

/** Up and down of a mesh of `pods` services, in ms. */
async function manyPods(): Promise<{ readonly up: number; readonly down: number }> {
  const dir = await mkdtemp(join(tmpdir(), 'mesh-bench-'));
  const services = Array.from({ length: pods }, (_, at) => `  redis-${at + 1}: {image: "redis:7", port: 6379}`);
  await writeFile(join(dir, 'mesh.yaml'), `name: bench-many\nservices:\n${services.join('\n')}\n`);
  const run = async (...args: string[]) => {
    const result = await meshIn(args, dir);
    if (result.code !== 0) throw new Error(`mesh ${args.join(' ')}: ${result.stderr}`);
  };
  try {
    return { up: await timed(() => run('up', '-d', '--wait')), down: await timed(() => run('down', '-v')) };
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}
const many = await manyPods();

const seconds = (list: readonly number[]) => (median(list) / 1000).toFixed(1);
const allowed = (1.5 * median(times.plainUp)) / 1000 + 4;
const heading = ['bookshop, images present', 'mesh', 'plain containers', 'allowed'];
const rows = [
  [`up, ${workloads.length} pods`, `${seconds(times.up)} s`, `${seconds(times.plainUp)} s`, `${allowed.toFixed(1)} s`],
  ['down', `${seconds(times.down)} s`, `${seconds(times.plainDown)} s`, '5.0 s'],
  [`up, ${pods} pods of redis`, `${seconds([many.up])} s`, '–', '–'],
  [`down, ${pods} pods of redis`, `${seconds([many.down])} s`, '–', '–'],
  ['sidecar at rest, PSS (median)', `${sidecarPss.toFixed(1)} MB`, '–', '15 MB'],
  ['daemon at rest, PSS', `${daemonPss.toFixed(1)} MB`, '–', '–'],
];
const note = `Medians of ${rounds} interleaved rounds. Plain: network, containers created and started one after the other, waiting for redis to be healthy as compose does. Allowed for up: 1.5 × plain + 4 s. Run: \`node bench/up.ts --write\`.`;
for (const line of [heading, ...rows]) process.stdout.write(`${line.join('\t')}\n`);
if (values.write) writeTable(join(import.meta.dirname, '..', 'docs', 'benchmarks.md'), 'up', heading, rows, note);
