import type { VNode } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { MeshEvent } from '../../api/types.ts';
import { useStream } from '../server/live.ts';
import { address, setQuery } from '../view/address.ts';
import { age } from '../view/figures.ts';
import { Choice, Field, PageHead, Problem } from '../view/parts.tsx';
import { choose, keptEvents, kindsOf, missedBetween } from './events/event-list.ts';
import { EventRow } from './events/event-row.tsx';

const orders = [
  ['first', 'Newest first'],
  ['last', 'Newest last'],
] as const;
/** Ages read in seconds only while they are short. */
const agesEveryMs = 5_000;
/** What is kept arrives in less. */
const startedMs = 500;

/** What happens in the daemon. */
export function EventsPage(): VNode {
  const { query } = address.value;
  const order = query.get('order') === 'last' ? 'last' : 'first';
  const filter = { kind: query.get('kind') ?? '', text: query.get('text') ?? '', steps: query.get('steps') === 'yes' };
  const { events, missed, error } = useEvents();
  const nowMs = useNow();
  const end = useStickyEnd(order === 'last', events);
  const chosen = choose(events ?? [], filter);
  const kinds = [...new Set([...kindsOf(events ?? []), ...(filter.kind === '' ? [] : [filter.kind])])].sort();
  return (
    <>
      <PageHead title="Events">
        <Field label="Text" value={filter.text} placeholder="reviews" onChange={text => setQuery({ text })} />
        <label class="field" for="event-kind">
          <span>Kind</span>
          <select id="event-kind" value={filter.kind} onChange={event => setQuery({ kind: event.currentTarget.value })}>
            <option value="">all</option>
            {kinds.map(kind => (
              <option key={kind} value={kind}>
                {kind}
              </option>
            ))}
          </select>
        </label>
        <label class="check">
          <input
            type="checkbox"
            checked={filter.steps}
            onChange={event => setQuery({ steps: event.currentTarget.checked ? 'yes' : '' })}
          />{' '}
          Steps
        </label>
        <Choice
          label="Order"
          options={orders}
          value={order}
          onChange={value => setQuery({ order: value === 'last' ? value : '' })}
        />
      </PageHead>
      <Problem error={error} />
      {missed > 0 ? <p class="notice">{missed} events were not read in time</p> : null}
      {events === null ? null : chosen.length === 0 ? (
        <p class="card empty">
          {events.length === 0 || (filter.kind === '' && filter.text === '')
            ? 'Nothing has happened yet. Save mesh.yaml, and its reload is told here.'
            : 'No event fits. Take a part of the filter away.'}
        </p>
      ) : (
        <section class="card table events" aria-label="Events">
          <table>
            <caption class="unseen">Events, newest {order}</caption>
            <thead>
              <tr>
                <th scope="col">Time</th>
                <th scope="col" class="number">
                  Ago
                </th>
                <th scope="col">Kind</th>
                <th scope="col">What</th>
                <th scope="col">More</th>
              </tr>
            </thead>
            <tbody>
              {(order === 'last' ? chosen : [...chosen].reverse()).map(event => (
                <EventRow key={event.seq} event={event} age={age(nowMs - Date.parse(event.at))} />
              ))}
            </tbody>
          </table>
        </section>
      )}
      <div ref={end} />
    </>
  );
}

/** Events as they come. Each start of the stream tells all that are kept: they take the place of what was read before. */
function useEvents(): {
  readonly events: readonly MeshEvent[] | null;
  readonly missed: number;
  readonly error: ReturnType<typeof useStream>;
} {
  const [events, setEvents] = useState<readonly MeshEvent[] | null>(null);
  const [missed, setMissed] = useState(0);
  const read = useRef<{ now: MeshEvent[]; before: readonly MeshEvent[]; frame: number }>({
    now: [],
    before: [],
    frame: 0,
  });
  // Many arrive together at the start: they are drawn once.
  const draw = (): void => {
    const { current } = read;
    current.frame ||= requestAnimationFrame(() => {
      current.frame = 0;
      if (current.now.length > keptEvents) current.now.splice(0, current.now.length - keptEvents);
      setEvents([...current.now]);
      setMissed(missedBetween(current.before, current.now));
    });
  };
  const error = useStream<MeshEvent>(
    '/v1/events',
    event => {
      read.current.now.push(event);
      draw();
    },
    () => {
      read.current.before = read.current.now;
      read.current.now = [];
      // A daemon to which nothing has happened yet says nothing.
      setTimeout(draw, startedMs);
    },
  );
  useEffect(() => () => cancelAnimationFrame(read.current.frame), []);
  return { events, missed, error };
}

function useNow(): number {
  const [nowMs, setNowMs] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNowMs(Date.now()), agesEveryMs);
    return () => clearInterval(timer);
  }, []);
  return nowMs;
}

/** Whoever has scrolled to the end stays there. */
function useStickyEnd(sticks: boolean, events: unknown): { readonly current: HTMLDivElement | null } {
  const end = useRef<HTMLDivElement>(null);
  const atEnd = useRef(true);
  useEffect(() => {
    const room = end.current?.closest('main');
    if (room === null || room === undefined) return;
    const look = (): void => {
      atEnd.current = room.scrollHeight - room.scrollTop - room.clientHeight < 40;
    };
    room.addEventListener('scroll', look, { passive: true });
    return () => room.removeEventListener('scroll', look);
  }, []);
  useLayoutEffect(() => {
    if (sticks && atEnd.current) end.current?.scrollIntoView({ block: 'end' });
  }, [sticks, events]);
  return end;
}
