import type { VNode } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import type { StatusDocument } from '../api/types.ts';
import { pages } from './pages.tsx';
import { type Live, usePolled } from './server/live.ts';
import { session } from './server/session.ts';
import { SignIn } from './sign-in.tsx';
import { address, hrefOf } from './view/address.ts';
import { age } from './view/figures.ts';
import { Badge, type Health } from './view/parts.tsx';
import { changeTheme, useTheme } from './view/theme.ts';

const statusEveryMs = 2_000;

/** The whole page: who is logged in sees the mesh. */
export function App(): VNode {
  useTheme();
  if (session.value !== 'in') return <SignIn />;
  return <Frame />;
}

function Frame(): VNode {
  const status = usePolled<StatusDocument>('/v1/status', statusEveryMs);
  const { page } = address.value;
  const shown = pages.find(({ name }) => name === page) ?? pages[0];
  const main = useRef<HTMLElement>(null);
  // Who does not see the page change is taken to its heading.
  const first = useRef(true);
  const project = status.value?.project ?? 'mesh';
  useEffect(() => {
    document.title = `${shown?.title ?? 'mesh'} – ${project}`;
  }, [shown, project]);
  useEffect(() => {
    if (!first.current) main.current?.querySelector('h1')?.focus({ preventScroll: true });
    first.current = false;
  }, [shown]);
  return (
    <div class="frame">
      <a class="skip" href={location.hash} onClick={event => skip(event, main.current)}>
        To the content
      </a>
      <nav aria-label="Pages">
        <div class="brand">
          <strong>{project}</strong>
          <span>localmesh</span>
        </div>
        <ul>
          {pages.map(({ name, title }) => (
            <li key={name}>
              <a href={hrefOf(name)} aria-current={shown?.name === name ? 'page' : undefined}>
                {title}
              </a>
            </li>
          ))}
        </ul>
        <MeshState {...status} />
        <button type="button" class="theme" onClick={changeTheme}>
          Light or dark
        </button>
      </nav>
      <main id="main" ref={main} tabIndex={-1}>
        {shown?.view(status.value)}
      </main>
    </div>
  );
}

function skip(event: MouseEvent, main: HTMLElement | null): void {
  event.preventDefault();
  main?.focus();
}

function MeshState({ value, error }: Live<StatusDocument>): VNode {
  if (error !== null)
    return (
      <div class="state" role="status">
        <Badge health="bad">daemon away</Badge>
      </div>
    );
  if (value === null) return <div class="state" />;
  const { daemon, config, workloads } = value;
  const synced = workloads.filter(({ proxy }) => proxy?.state === 'SYNCED').length;
  const health: Health = { running: 'good', starting: 'warn', stopping: 'warn', degraded: 'bad', failed: 'bad' }[
    daemon.phase
  ] as Health;
  const errors = config.diagnostics.filter(({ severity }) => severity === 'error').length;
  return (
    <div class="state" role="status">
      <Badge health={health}>{daemon.phase}</Badge>
      <Badge health={synced === workloads.length ? 'good' : 'warn'}>
        {synced} of {workloads.length} in sync
      </Badge>
      {errors > 0 ? (
        <a href={hrefOf('config')}>
          <Badge health="bad">mesh.yaml has errors</Badge>
        </a>
      ) : null}
      <span class="quiet">up {age(daemon.uptimeMs)}</span>
    </div>
  );
}
