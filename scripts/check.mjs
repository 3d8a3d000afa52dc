// The checks that need no engine: format, lint, types, architecture, unit. All of them run, also after one failed.
//
//   npm run check
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { bootstrap } from './bootstrap.mjs';
import { pinnedEnv, root } from './pinned-node.mjs';
import { entry } from './say.mjs';
import { runSuites, suites } from './suites.mjs';

const commands = [
  ['format', 'biome', ['format', '--error-on-warnings', '.']],
  ['lint', 'biome', ['lint', '--error-on-warnings', '.']],
  ['types', 'tsc', ['--noEmit', '-p', 'tsconfig.json']],
  ['types: page', 'tsc', ['--noEmit', '-p', 'src/dashboard/tsconfig.json']],
  ['types: browser', 'tsc', ['--noEmit', '-p', 'test/browser/tsconfig.json']],
];

/** Runs the checks and prints a line with its time for each. @returns what the tests among them counted */
export async function check() {
  const env = pinnedEnv();
  const total = { passed: 0, failed: 0, skipped: 0 };
  const line = (ok, name, ms, detail) =>
    console.log(`${ok ? '✓' : '✗'} ${name.padEnd(13)} ${(ms / 1000).toFixed(1).padStart(6)} s${detail}`);
  for (const [name, command, args] of commands) {
    const began = performance.now();
    const { status, stdout, stderr, error } = spawnSync(command, args, { cwd: root, env, encoding: 'utf8' });
    if (status !== 0) console.log(`${stdout ?? ''}${stderr ?? ''}${error?.message ?? ''}`);
    total[status === 0 ? 'passed' : 'failed'] += 1;
    line(status === 0, name, performance.now() - began, '');
  }
  for (const name of ['architecture', 'unit']) {
    const began = performance.now();
    const counts = await runSuites([name]);
    for (const key of Object.keys(total)) total[key] += counts[key];
    line(
      counts.failed === 0,
      name,
      performance.now() - began,
      `   ${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped (${suites()[name].files.length} files)`,
    );
  }
  return total;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await entry(async () => {
    await bootstrap({ build: false, engine: false });
    const { failed } = await check();
    if (failed > 0) process.exitCode = 1;
  });
}
