/** A real Chromium, from the system's packages. */
import { existsSync } from 'node:fs';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';

const places = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** Starts it without a window. */
export async function openBrowser(): Promise<Browser> {
  const executablePath = places.find(path => existsSync(path));
  if (executablePath === undefined) throw new Error('no Chromium on this machine; `npm test` installs it');
  return chromium.launch({
    executablePath,
    args: [
      // Its own sandbox needs user namespaces, which root in a container has not; it opens pages of ours only.
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}

/** A page that notes what a user would find in its console: errors, and what the content security policy refused. */
export async function openPage(
  browser: Browser,
  options: BrowserContextOptions = {},
): Promise<{ readonly page: Page; readonly complaints: string[] }> {
  const context = await browser.newContext({ viewport: { width: 1360, height: 860 }, ...options });
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('console', message => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });
  page.on('pageerror', error => complaints.push(String(error)));
  page.on('request', request => {
    if (new URL(request.url()).hostname !== '127.0.0.1' && !request.url().startsWith('data:'))
      complaints.push(`asks ${request.url()}`);
  });
  return { page, complaints };
}
