#!/usr/bin/env node
// Runs on any Node since 12 and finds one that is new enough: its own, or the pinned one that npm installed beside it.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import * as nodeModule from 'node:module';
import { fileURLToPath } from 'node:url';

// A checkout runs its source, which needs type stripping; a package runs its build.
const source = new URL('../src/cli/main.ts', import.meta.url);
const isCheckout = existsSync(source);
const entry = isCheckout ? source : new URL('../dist/cli.mjs', import.meta.url);
const needed = isCheckout ? [22, 18] : [22, 12];

const version = process.versions.node.split('.').map(Number);
const isNew = version[0] > needed[0] || (version[0] === needed[0] && version[1] >= needed[1]);

if (isNew) {
  // Compiled (and stripped) modules are kept by Node itself: the second start takes a third of the time.
  if (nodeModule.enableCompileCache) nodeModule.enableCompileCache();
  import(entry.href).then(cli => cli.main(process.argv.slice(2)));
} else {
  const pinned = findPinned();
  if (pinned === null) {
    process.stderr.write(
      `mesh: Node ${needed.join('.')} or newer is needed, this is ${process.versions.node} (${process.execPath})\n` +
        'hint: install a current LTS from https://nodejs.org, or reinstall localmesh with its optional packages, which bring one along\n',
    );
    process.exit(1);
  }
  const child = spawn(pinned, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], { stdio: 'inherit' });
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  process.on('SIGHUP', () => child.kill('SIGHUP'));
  // On a terminal Ctrl-C reaches the child by itself; a second copy would read as "stop at once".
  process.on('SIGINT', () => process.stdin.isTTY || child.kill('SIGINT'));
  child.on('exit', (code, signal) => (signal === null ? process.exit(code) : process.kill(process.pid, signal)));
}

function findPinned() {
  const name = `node-${process.platform}-${process.arch}/bin/node`;
  // Nested in the checkout or package, or flattened beside it.
  for (const place of [`../node_modules/${name}`, `../../${name}`]) {
    const path = fileURLToPath(new URL(place, import.meta.url));
    if (existsSync(path)) return path;
  }
  return null;
}
