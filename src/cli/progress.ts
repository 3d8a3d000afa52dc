import type { MeshEvent, PlannedOperation } from '../api/types.ts';
import { escapeLines, jsonText } from '../text/escape.ts';
import type { Invocation } from './invocation.ts';
import type { Output } from './output.ts';

/** Shows the daemon's events while work goes on, and lets other lines pass between. */
export interface Presenter {
  show(event: MeshEvent): void;
  /** Runs `print`, which writes lines of its own, without tearing a live display. */
  between(print: () => void): void;
  /** Leaves the terminal as it was. */
  end(): void;
}

/** The presenter for `--progress`. */
export function createPresenter({ output, progress }: Pick<Invocation, 'output' | 'progress'>): Presenter {
  if (progress === 'json') return { show: event => output.note(jsonText(event)), between: print => print(), end() {} };
  if (progress === 'tty') return new LivePresenter(output);
  return {
    show(event) {
      const text = progress === 'quiet' && !isFailure(event) ? null : describe(event, output);
      if (text !== null) output.note(text);
    },
    between: print => print(),
    end() {},
  };
}

/** Operations under way stay at the bottom, one line each, until they are done. */
class LivePresenter implements Presenter {
  readonly #output: Output;
  readonly #running = new Map<string, string>();
  #drawn = 0;

  constructor(output: Output) {
    this.#output = output;
  }

  show(event: MeshEvent): void {
    this.between(() => {
      if (event.kind === 'operation') {
        const key = `${event.operation.kind} ${event.operation.target}`;
        if (event.phase === 'start' || event.phase === 'progress') {
          this.#running.set(key, `${title(event.operation)}${event.detail === '' ? '' : ` ${event.detail}`}`);
          return;
        }
        this.#running.delete(key);
      }
      if (event.kind === 'phase' || event.kind === 'ready') this.#running.clear();
      const text = describe(event, this.#output);
      if (text !== null) this.#output.note(text);
    });
  }

  between(print: () => void): void {
    // Up over the live lines, then erase to the end of the screen.
    if (this.#drawn > 0) this.#output.draw(`\u001b[${this.#drawn}A\u001b[J`);
    this.#drawn = 0;
    print();
    for (const line of this.#running.values()) {
      this.#output.draw(
        `${this.#output.tint('cyan', '·')} ${escapeLines(line.replace(/\s+/g, ' ')).slice(0, this.#output.columns - 3)}\n`,
      );
      this.#drawn += 1;
    }
  }

  end(): void {
    this.#running.clear();
    this.between(() => undefined);
  }
}

function isFailure(event: MeshEvent): boolean {
  if (event.kind === 'operation') return event.phase === 'failed';
  return event.kind === 'diagnostics' || event.kind === 'warning' || (event.kind === 'phase' && event.reason !== '');
}

/** One event as lines for people; `null` for what only machines care about. */
export function describe(event: MeshEvent, output: Pick<Output, 'tint' | 'addressed'>): string | null {
  const good = output.tint('green', '✔');
  const bad = output.tint('red', '✘');
  switch (event.kind) {
    case 'operation': {
      const detail = event.detail === '' ? '' : ` ${output.tint('dim', escapeLines(event.detail))}`;
      if (event.phase === 'done') return `${good} ${title(event.operation)}${detail}`;
      if (event.phase === 'failed') return `${bad} ${title(event.operation)}${detail}`;
      return null;
    }
    case 'ready':
      return event.workloads === 0
        ? null
        : `${good} ${event.workloads} workloads ready in ${(event.durationMs / 1000).toFixed(1)} s`;
    case 'reload':
      return `${event.result.ok ? good : bad} ${event.file}: ${output.addressed(escapeLines(event.result.summary))}`;
    case 'diagnostics':
      return event.diagnostics.length === 0 ? null : output.addressed(event.diagnostics.map(each => each.text).join('\n'));
    case 'engine':
      return event.state === 'lost'
        ? `${output.tint('yellow', '!')} the Docker engine is lost (${escapeLines(event.reason)}); traffic goes on, waiting for it`
        : `${good} the Docker engine is back`;
    case 'fault':
      return `${output.tint('yellow', '!')} fault ${event.change}: ${escapeLines(event.text)}`;
    case 'roots':
      return `${good} ca: ${escapeLines(event.text)}`;
    case 'keys':
      return `${event.change === 'refreshed' ? good : output.tint('yellow', '!')} ${escapeLines(event.text)}`;
    case 'denied':
      return `${output.tint('yellow', '!')} ${escapeLines(event.to)} refused ${event.calls === 1 ? 'a call' : `${event.calls} calls`} of ${escapeLines(event.from)} by its access rules`;
    case 'workload':
      return `${output.tint('yellow', '!')} ${event.workload}: ${escapeLines(event.text)}`;
    case 'warning':
      return `${output.tint('yellow', '!')} ${escapeLines(event.message)}${event.hint === '' ? '' : `\n  hint: ${output.addressed(event.hint)}`}`;
    case 'phase':
      return event.phase === 'degraded' ? `${output.tint('yellow', '!')} ${escapeLines(event.reason)}` : null;
    case 'gap':
      return `${output.tint('yellow', '!')} ${event.missed} events were not read in time`;
    case 'plan':
    case 'healthy':
      return null;
  }
}

function title(operation: PlannedOperation): string {
  return `${operation.kind} ${operation.target}${operation.cause === '' ? '' : ` (${operation.cause})`}`;
}

/** What a user wants to know once the mesh is up. */
export function story(
  project: string,
  gateways: readonly { readonly name: string; readonly url: string }[],
  output: Output,
  detached: boolean,
): string {
  const { mesh } = output;
  const rows = gateways.map(({ name, url }) => `  ${name.padEnd(10)} ${output.tint('cyan', url)}`);
  return [
    `${output.tint('bold', project)} is up${rows.length > 0 ? ':' : '.'}`,
    ...rows,
    `  look with  ${mesh} status · ${mesh} proxy-status · ${mesh} logs -f`,
    ...(gateways.some(({ url }) => url.startsWith('https:'))
      ? [`  trust      ${mesh} ca > ca.pem, for curl --cacert ca.pem`]
      : []),
    `  edit       mesh.yaml; saved rules are in force at once`,
    `  end with   ${detached ? `${mesh} down` : `Ctrl-C (stops), ${mesh} down (removes)`}`,
  ].join('\n');
}
