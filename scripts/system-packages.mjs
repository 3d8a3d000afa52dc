// Programs that tests and the demo take from the system: installed from Debian's or Ubuntu's packages as root, else it is said what to do. Runs on Node 20.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { run, Stop, say } from './say.mjs';

function hasProgram(name) {
  return spawnSync('sh', ['-c', `command -v ${name}`]).status === 0;
}

/** Makes sure that a program is there. `missing`: a sentence for who has to install it by hand; `after`: what is to be run then. */
export async function ensureProgram(name, { packages, missing, after = '' }) {
  if (hasProgram(name)) return;
  const install = `apt-get update && apt-get install -y --no-install-recommends ${packages.join(' ')}`;
  const release = existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : '';
  const debian = /^ID(_LIKE)?=.*(debian|ubuntu)/m.test(release);
  if (!debian || process.getuid?.() !== 0) {
    const command = debian
      ? `sudo sh -c '${install}${after === '' ? '' : ` && ${after}`}'`
      : `install ${packages.join(' ')} with your system's means`;
    throw new Stop(`${missing} Run this once, then try again:\n\n    ${command}\n`);
  }
  say('packages', `${name} is not here: installing ${packages.join(' ')} (a minute or two)`);
  await run('sh', ['-c', install], { env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } });
}
