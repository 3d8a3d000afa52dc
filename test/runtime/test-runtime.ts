/** A runtime for tests over any engine, with a sidecar that only waits. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../src/async/clock.ts';
import type { MeshConfig } from '../../src/config/mesh-config.ts';
import type { RuntimeDeps } from '../../src/runtime/create-runtime.ts';
import { createRuntime } from '../../src/runtime/create-runtime.ts';
import type { Docker } from '../../src/runtime/docker.ts';
import type { ExecuteOptions, PlanOptions, Progress, Runtime, RuntimeHooks } from '../../src/runtime/runtime.ts';

/** Hooks that wait for nothing. */
export const idleHooks: RuntimeHooks = {
  sidecarEnvironment: ({ workload }) => ({ MESH_WORKLOAD: workload }),
  sidecarReady: async () => {},
  appListening: async () => {},
};

/** Ends at SIGTERM, crashes at SIGUSR2; stands for the sidecar where only its container matters. */
const waitingSidecar =
  'console.log("sidecar up"); process.on("SIGTERM", () => process.exit(0)); process.on("SIGUSR2", () => process.exit(9)); setInterval(() => {}, 1 << 30);';

/** A folder with a bundle; remove it afterwards. */
export async function bundleFolder(program = waitingSidecar): Promise<{ readonly path: string; remove(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'mesh-bundle-'));
  await Promise.all([writeFile(join(path, 'sidecar.cjs'), program), writeFile(join(path, 'koffi.node'), '')]);
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}

export function testRuntime(docker: Docker, project: string, bundleDir: string, more: Partial<RuntimeDeps> = {}): Runtime {
  const sidecar = { bundleDir, nodeBinary: process.execPath, baseImage: null, uid: 1337, controlPort: 15012 };
  return createRuntime({ docker, project, projectDir: bundleDir, clock: systemClock, env: {}, sidecar, ...more });
}

/** Plans and executes; the progress as `kind operation target`. */
export async function up(
  runtime: Runtime,
  config: MeshConfig,
  options: Partial<ExecuteOptions> & { readonly plan?: PlanOptions } = {},
): Promise<string[]> {
  const lines: string[] = [];
  const onProgress = (event: Progress) => lines.push(`${event.kind} ${event.operation.kind} ${event.operation.target}`);
  const plan = await runtime.plan(config, options.plan);
  await runtime.execute(config, plan, {
    signal: new AbortController().signal,
    onProgress,
    hooks: idleHooks,
    build: false,
    ...options,
  });
  return lines;
}
