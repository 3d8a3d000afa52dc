// What the scripts share: a line that says what is done, running a command, and stopping with a message. Runs on Node 20.
import { spawn } from 'node:child_process';

/** A reason to stop that the user can act on: printed without a stack. */
export class Stop extends Error {}

/** One line about what is being done, on stderr. */
export const say = (what, text) => process.stderr.write(`[${what}] ${text}\n`);

/** Runs a command; its output is shown only when it fails, unless `show`. Rejects with a `Stop`. */
export function run(command, args, options = {}) {
  const { show = false, ...rest } = options;
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: show ? 'inherit' : ['ignore', 'pipe', 'pipe'], ...rest });
    const output = [];
    child.stdout?.on('data', chunk => output.push(chunk));
    child.stderr?.on('data', chunk => output.push(chunk));
    child.on('error', error => reject(new Stop(`${command}: ${error.message}`)));
    child.on('close', (code, signal) => {
      const text = Buffer.concat(output).toString('utf8');
      if (code === 0) resolve(text);
      else reject(new Stop(`${[command, ...args].join(' ')} ended with ${signal ?? code}\n${text}`));
    });
  });
}

/** Runs `main`; a `Stop` prints its message and ends with 1, anything else is a bug and shows its stack. */
export async function entry(main) {
  try {
    await main();
  } catch (error) {
    process.stderr.write(error instanceof Stop ? `\n${error.message}\n` : `${error?.stack ?? error}\n`);
    process.exitCode = 1;
  }
}
