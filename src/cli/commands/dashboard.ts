import { spawn } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connectApi } from '../../api/client.ts';
import { exitCodes } from '../../api/mesh-error.ts';
import type { Invocation } from '../invocation.ts';

/** `mesh dashboard` */
export async function run(
  { project, output }: Invocation,
  _args: readonly string[],
  options: { readonly port?: number; readonly open: boolean },
): Promise<number> {
  const { url, loginUrl } = await connectApi(project.socket).openDashboard(options.port ?? null);
  if (options.port !== undefined && options.port !== 0 && !url.endsWith(`:${options.port}`))
    output.note(`the admin API is open on ${url} already`);
  output.data(loginUrl);
  if (options.open && (await browse(project.stateDir, loginUrl)))
    output.note('opened in the browser; the link is good once, for a minute');
  else output.note('open it in a browser; the link is good once, for a minute');
  return exitCodes.ok;
}

/** Whether a browser was asked to open a link. The link is a secret: it goes through a file that only the user can read, for every user can read command lines. */
function browse(stateDir: string, link: string): Promise<boolean> {
  const opener = process.platform === 'darwin' ? 'open' : 'xdg-open';
  const { DISPLAY = '', WAYLAND_DISPLAY = '' } = process.env;
  if (process.stdout.isTTY !== true || (opener === 'xdg-open' && DISPLAY === '' && WAYLAND_DISPLAY === ''))
    return Promise.resolve(false);
  const page = join(stateDir, 'dashboard.html');
  rmSync(page, { force: true });
  writeFileSync(page, `<!doctype html><meta http-equiv="refresh" content="0;url=${link}"><title>mesh</title>\n`, {
    mode: 0o600,
    flag: 'wx',
  });
  return new Promise(resolve => {
    const child = spawn(opener, [page], { detached: true, stdio: 'ignore' });
    child.on('error', () => resolve(false));
    child.on('exit', code => resolve(code === 0));
  });
}
