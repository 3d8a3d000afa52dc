import type { VNode } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { setQuery } from '../../view/address.ts';
import { age, time } from '../../view/figures.ts';
import { Choice, Field } from '../../view/parts.tsx';
import { labels, type MapView, onlys, sliderSeconds, windows } from './map-view.ts';
import type { ServiceFacts } from './service-facts.ts';

/** Steps of the slider, seconds. */
const stepSeconds = 5;

/** What is shown of the graph. */
export function Filters({ view, facts }: { readonly view: MapView; readonly facts: ServiceFacts }): VNode {
  return (
    <div class="map-tools">
      <Field label="Name" value={view.name} onChange={name => setQuery({ name })} />
      <Field label="Namespace" value={view.namespace} list={facts.namespaces} onChange={namespace => setQuery({ namespace })} />
      <Field
        label="Label"
        value={view.containerLabel}
        placeholder="key=value"
        list={facts.labels}
        onChange={tag => setQuery({ tag })}
      />
      <Choice
        label="Which calls"
        options={onlys.map(each => [each, { all: 'All calls', failing: 'Failing', denied: 'Denied' }[each]] as const)}
        value={view.only}
        onChange={only => setQuery({ only: only === 'all' ? '' : only })}
      />
      <button type="button" aria-pressed={view.hideIdle} onClick={() => setQuery({ idle: view.hideIdle ? '' : 'hide' })}>
        Hide idle
      </button>
    </div>
  );
}

/** How the graph is drawn. */
export function Drawing({ view }: { readonly view: MapView }): VNode {
  const still = useStillness();
  return (
    <>
      <Choice
        label="Label of edges"
        options={labels.map(
          each => [each, { rate: 'Rate', p50: 'p50', p95: 'p95', p99: 'p99', none: 'No labels' }[each]] as const,
        )}
        value={view.label}
        onChange={label => setQuery({ label: label === 'rate' ? '' : label })}
      />
      <button
        type="button"
        aria-pressed={view.moving && !still}
        disabled={still}
        title={still ? 'This system asks for less motion' : 'Dashes move along the edges'}
        onClick={() => setQuery({ move: view.moving ? '' : 'on' })}
      >
        Animate
      </button>
    </>
  );
}

/** Whether the system asks for less motion. */
export function useStillness(): boolean {
  const [still, setStill] = useState(reducedMotion.matches);
  useEffect(() => {
    const look = (): void => setStill(reducedMotion.matches);
    reducedMotion.addEventListener('change', look);
    return () => reducedMotion.removeEventListener('change', look);
  }, []);
  return still;
}

const reducedMotion = matchMedia('(prefers-reduced-motion: reduce)');

/** Which stretch of the last 15 minutes. */
export function TimeSlider({ view: { atMs, window } }: { readonly view: MapView }): VNode {
  const ago = atMs === null ? 0 : Math.min(sliderSeconds, Math.max(stepSeconds, Math.round((Date.now() - atMs) / 1_000)));
  const text = atMs === null ? 'live' : `${time(atMs)}, ${age(Date.now() - atMs)} ago`;
  return (
    <div class="map-time">
      <Choice
        label="Length of time"
        options={windows.map(each => [each, each] as const)}
        value={window}
        onChange={each => setQuery({ window: each === '1m' ? '' : each })}
      />
      <label for="map-slider">until</label>
      <input
        id="map-slider"
        type="range"
        min={-sliderSeconds}
        max={0}
        step={stepSeconds}
        value={-ago}
        aria-valuetext={text}
        onInput={event => {
          const back = Number(event.currentTarget.value);
          setQuery({ at: back === 0 ? '' : String(Math.round(Date.now() / 1_000 + back) * 1_000) });
        }}
      />
      <output for="map-slider">{text}</output>
      {atMs === null ? null : (
        <button type="button" onClick={() => setQuery({ at: '' })}>
          Back to live
        </button>
      )}
    </div>
  );
}
