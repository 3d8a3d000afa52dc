import { eventText, operationText } from '../api/event-text.ts';
import type { MeshEvent } from '../api/types.ts';
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
          this.#running.set(key, `${operationText(event.operation)}${event.detail === '' ? '' : ` ${event.detail}`}`);
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
  // The daemon may know kinds that this program does not.
  const { level, text, detail, hint } = event.told ?? eventText(event);
  if (level === 'step') return null;
  // They are drawn already, signs and all.
  if (event.kind === 'diagnostics') return output.addressed(event.diagnostics.map(each => each.text).join('\n'));
  const sign = { good: output.tint('green', '✔'), bad: output.tint('red', '✘'), warn: output.tint('yellow', '!') }[level];
  const result = event.kind === 'reload' ? output.addressed(inset(text)) : inset(text);
  const more = detail === undefined ? '' : ` ${output.tint('dim', inset(detail))}`;
  return `${sign} ${result}${more}${hint === undefined ? '' : `\n  hint: ${output.addressed(inset(hint))}`}`;
}

/** Further lines stand below the first: a text of others shall not look like an event of its own. */
function inset(text: string): string {
  return escapeLines(text).replaceAll('\n', '\n  ');
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
    `  look with  ${mesh} dashboard · ${mesh} status · ${mesh} logs -f`,
    ...(gateways.some(({ url }) => url.startsWith('https:'))
      ? [`  trust      ${mesh} ca > ca.pem, for curl --cacert ca.pem`]
      : []),
    `  edit       mesh.yaml; saved rules are in force at once`,
    `  end with   ${detached ? `${mesh} down` : `Ctrl-C (stops), ${mesh} down (removes)`}`,
  ].join('\n');
}
