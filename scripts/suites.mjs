// The test suites: which files belong to which, and running them with Node's own runner. Runs on Node 20; the tests run on the pinned Node.
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join, sep } from 'node:path';
import { pinnedEnv, pinnedNode, root } from './pinned-node.mjs';

/** Folders of test/ whose tests start processes, sockets in number, or containers; everything else is a unit test. */
const own = ['contract', 'integration', 'attack', 'conformance', 'browser', 'e2e'];

/**
 * Name → files and how many run at once.
 * Suites on a real engine run one file after the other: they share it, and a loaded machine makes honest timeouts look like failures.
 */
export function suites() {
  const files = readdirSync(join(root, 'test'), { recursive: true })
    .filter(file => file.endsWith('.test.ts'))
    .sort();
  const below = folder => files.filter(file => file.startsWith(`${folder}${sep}`));
  const single = ['architecture.test.ts'];
  const found = {
    architecture: { files: single.filter(file => files.includes(file)), concurrency: 1 },
    unit: {
      files: files.filter(file => !single.includes(file) && !own.some(folder => file.startsWith(`${folder}${sep}`))),
      concurrency: 2,
    },
  };
  for (const folder of own)
    found[folder] = { files: below(folder), concurrency: folder === 'e2e' || folder === 'browser' ? 1 : 2 };
  return found;
}

/** One run of `node --test`. Its reporter shows what fails as it happens and ends with one line of JSON on file descriptor 3. */
function runOnce(files, concurrency, extra) {
  return new Promise((resolve, reject) => {
    const args = [
      '--test',
      '--disable-warning=ExperimentalWarning',
      `--test-concurrency=${concurrency}`,
      // A test that hangs fails, and the rest still runs; what hangs outside of tests does not end. Not with `--test-force-exit`: it ends a file's process before its last
      // results are out, and tests vanish from the counts.
      `--test-timeout=${concurrency === 1 ? 1_200_000 : 180_000}`,
      `--test-reporter=${join(root, 'scripts/reporter.mjs')}`,
      '--test-reporter-destination=stdout',
      ...extra,
      ...files.map(file => join('test', file)),
    ];
    // A runner inside a runner would report to the outer one.
    const { NODE_TEST_CONTEXT: _, ...env } = pinnedEnv();
    const child = spawn(pinnedNode(), args, { cwd: root, env, stdio: ['ignore', 'pipe', 'inherit'] });
    let counts = null;
    let rest = '';
    child.stdout.setEncoding('utf8').on('data', text => {
      const lines = (rest + text).split('\n');
      rest = lines.pop();
      for (const line of lines) {
        if (line.startsWith('@counts ')) counts = JSON.parse(line.slice('@counts '.length));
        else process.stdout.write(`${line}\n`);
      }
    });
    child.on('error', reject);
    child.on('close', code => {
      counts ??= { passed: 0, failed: 0, skipped: 0 };
      // A run that ends badly without a failed test (a crash of the runner, no file) is a failure as well.
      if (code !== 0 && counts.failed === 0) counts.failed = 1;
      resolve(counts);
    });
  });
}

/** Runs the named suites one after the other. @returns the sum of what they counted */
export async function runSuites(names, extra = []) {
  const total = { passed: 0, failed: 0, skipped: 0 };
  for (const name of names) {
    const suite = suites()[name];
    if (suite.files.length === 0) continue;
    const counts = await runOnce(suite.files, suite.concurrency, extra);
    for (const key of Object.keys(total)) total[key] += counts[key];
  }
  return total;
}
