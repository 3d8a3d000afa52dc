import { request } from 'node:http';
import type { Clock } from '../async/clock.ts';
import type { AppMetrics } from '../snapshot/snapshot.ts';
import { appExposition } from '../telemetry/app-exposition.ts';
import { gaugeText } from '../telemetry/exposition.ts';

/** A scraper waits ten seconds for everything; an app that is alive answers in a few ms. */
const timeoutMs = 1_000;
const maxBytes = 4 * 1024 * 1024;

/** The app's own metrics, to be put behind the sidecar's; whatever the app does, it takes a second and 4 MiB at most. Never rejects. */
export async function appMetrics(address: string, { port, path }: AppMetrics, clock: Clock): Promise<string> {
  const answer = await ask(address, port, path, clock);
  const { text, dropped } = appExposition(answer ?? '');
  return [
    gaugeText('mesh_app_metrics_up', '1 when the app gave its own metrics.', [['', answer === null ? 0 : 1]]),
    gaugeText('mesh_app_metrics_dropped_lines', 'Lines of the app that are no metrics, or under names of the mesh.', [
      ['', dropped],
    ]),
    text,
  ].join('');
}

/** `null`: no answer, a bad one, or too much of it. */
function ask(host: string, port: number, path: string, clock: Clock): Promise<string | null> {
  return new Promise(resolve => {
    const headers = { accept: 'text/plain; version=0.0.4', 'accept-encoding': 'identity', connection: 'close' };
    const asked = request({ host, port, path, headers, agent: false }, response => {
      if (response.statusCode !== 200 || response.headers['content-encoding'] !== undefined) {
        end(null);
        return;
      }
      const pieces: Buffer[] = [];
      let length = 0;
      response.on('data', (piece: Buffer) => {
        length += piece.length;
        if (length > maxBytes) end(null);
        else pieces.push(piece);
      });
      response.on('end', () => end(Buffer.concat(pieces).toString()));
      response.on('close', () => end(null));
    });
    const stop = clock.after(timeoutMs, () => end(null));
    const end = (text: string | null): void => {
      stop();
      resolve(text);
      asked.destroy();
    };
    asked.on('error', () => end(null));
    asked.end();
  });
}
