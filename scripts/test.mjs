// The whole of the tests, from a bare machine: brings what is missing, runs the checks, then every suite. The last line has the counts.
//
//   npm test                                  all
//   npm test -- --only e2e                    one suite (architecture, unit, contract, integration, attack, conformance, browser, e2e), may be repeated
//   npm test -- --only unit --name weights    tests whose name contains a pattern
import { parseArgs } from 'node:util';
import { bootstrap } from './bootstrap.mjs';
import { check } from './check.mjs';
import { baseImages, e2eImages, ensureImages } from './images.mjs';
import { entry, Stop } from './say.mjs';
import { runSuites, suites } from './suites.mjs';
import { ensureProgram } from './system-packages.mjs';

/** Suites that `check` does not run. */
const rest = () => Object.keys(suites()).filter(name => name !== 'architecture' && name !== 'unit');
/** Suites that start containers. */
const onEngine = ['contract', 'integration', 'e2e'];
/** Suites that open pages. */
const onBrowser = ['browser', 'e2e'];

await entry(async () => {
  const { values } = parseArgs({ options: { only: { type: 'string', multiple: true }, name: { type: 'string' } } });
  for (const name of values.only ?? []) {
    if (suites()[name] === undefined)
      throw new Stop(`No suite is called ${name}; there are ${Object.keys(suites()).join(', ')}.`);
  }
  const wanted = values.only ?? rest();
  const engine = values.only === undefined || wanted.some(name => onEngine.includes(name));
  await bootstrap({ build: engine, engine });
  if (engine) await ensureImages([...baseImages, ...(wanted.includes('e2e') ? e2eImages : [])]);
  if (wanted.some(name => onBrowser.includes(name))) {
    const missing = 'The tests of the dashboard need Chromium.';
    await ensureProgram('chromium', { packages: ['chromium', 'fonts-liberation'], missing });
  }
  const total = values.only === undefined ? await check() : { passed: 0, failed: 0, skipped: 0 };
  const counts = await runSuites(wanted, values.name === undefined ? [] : [`--test-name-pattern=${values.name}`]);
  for (const key of Object.keys(total)) total[key] += counts[key];
  if (total.failed > 0) process.exitCode = 1;
  console.log(`\n${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
});
