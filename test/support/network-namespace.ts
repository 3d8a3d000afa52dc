import { type ChildProcessByStdio, execFileSync, spawn, spawnSync } from 'node:child_process';
import type { Readable } from 'node:stream';

/** A network namespace of one test, removed when disposed. Needs root and iproute2. */
export class NetworkNamespace implements Disposable {
  static #count = 0;
  readonly name = `lmtest-${process.pid}-${NetworkNamespace.#count++}`;

  constructor() {
    execFileSync('ip', ['netns', 'add', this.name]);
    this.ip('link', 'set', 'lo', 'up');
  }

  /** Why tests with namespaces cannot run here, or `false`. */
  static get skip(): string | false {
    if (process.getuid?.() !== 0) return 'needs root';
    return spawnSync('ip', ['netns', 'list']).status === 0 ? false : 'needs iproute2 and network namespaces';
  }

  /** Runs `ip` inside. */
  ip(...values: readonly string[]): void {
    execFileSync('ip', ['-n', this.name, ...values]);
  }

  /** Joins two namespaces by a cable with one IPv4 (and IPv6) address at each end. */
  cable(own: readonly string[], other: NetworkNamespace, others: readonly string[]): void {
    this.ip('link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', other.name);
    for (const [namespace, addresses] of [[this, own] as const, [other, others] as const]) {
      for (const address of addresses)
        namespace.ip('address', 'add', address, 'dev', 'eth0', ...(address.includes(':') ? ['nodad'] : []));
      namespace.ip('link', 'set', 'eth0', 'up');
    }
  }

  /** Starts Node inside, with stdin closed. */
  node(...values: readonly string[]): ChildProcessByStdio<null, Readable, Readable> {
    return this.nodeWith({}, ...values);
  }

  /** Starts Node inside with more environment. */
  nodeWith(env: Readonly<Record<string, string>>, ...values: readonly string[]): ChildProcessByStdio<null, Readable, Readable> {
    const options = { stdio: ['ignore', 'pipe', 'pipe'] as ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } };
    return spawn('ip', ['netns', 'exec', this.name, process.execPath, ...values], options);
  }

  /** Runs a piece of ESM inside to its end. @returns what it printed, trimmed */
  async evaluate(code: string): Promise<string> {
    const child = this.node('--input-type=module', '-e', code);
    let output = '';
    let errors = '';
    child.stdout.on('data', chunk => {
      output += chunk;
    });
    child.stderr.on('data', chunk => {
      errors += chunk;
    });
    await new Promise(resolve => child.once('close', resolve));
    if (child.exitCode !== 0) throw new Error(`exit ${child.exitCode}: ${errors}`);
    return output.trim();
  }

  [Symbol.dispose](): void {
    execFileSync('ip', ['netns', 'del', this.name]);
  }
}
