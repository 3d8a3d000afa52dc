import type { VNode } from 'preact';
import { useEffect, useMemo, useRef } from 'preact/hooks';
import { address, hrefOf, setQuery } from '../../view/address.ts';
import { Field } from '../../view/parts.tsx';
import { hitsIn, piecesOf, type TextSection } from './text-sections.ts';

interface TextViewProps {
  /** Said to those who do not see it. */
  readonly label: string;
  readonly sections: readonly TextSection[];
}

/** A long text with its parts beside it, searched by what the address says. */
export function TextView({ label, sections }: TextViewProps): VNode {
  const { page, query } = address.value;
  const word = query.get('find') ?? '';
  const asked = query.get('section') ?? '';
  const body = useRef<HTMLDivElement>(null);
  const found = useMemo(() => sections.map(section => ({ ...section, hits: hitsIn(section.text, word) })), [sections, word]);
  const shown = word === '' ? found : found.filter(({ hits }) => hits > 0);
  const hits = found.reduce((sum, section) => sum + section.hits, 0);
  useEffect(() => {
    const parts = [...(body.current?.querySelectorAll<HTMLElement>('[data-section]') ?? [])];
    if (asked !== '') parts.find(({ dataset }) => dataset['section'] === asked)?.scrollIntoView({ block: 'start' });
  }, [asked, sections]);
  return (
    <div class="text-view">
      <div class="text-tools">
        <Field label="Find" value={word} placeholder="timeout" onChange={find => setQuery({ find })} />
        <span role="status" class="quiet">
          {word === '' ? '' : hits === 0 ? 'not found' : `${hits} ${hits === 1 ? 'place' : 'places'}`}
        </span>
      </div>
      <nav aria-label={`Parts of ${label}`}>
        <ul>
          {shown
            // A line by itself is found by reading.
            .filter(({ name, text }) => name !== '' && /[:{[]$|\n/.test(text))
            .map(({ name, line, hits: own }) => (
              <li key={line}>
                <a
                  class={name.includes('/') ? 'inner' : ''}
                  title={name}
                  href={hrefOf(page, { ...Object.fromEntries(query), section: name })}
                  aria-current={name === asked ? 'true' : undefined}
                  onClick={event => {
                    event.preventDefault();
                    // Also the second time, when the address stays.
                    setQuery({ section: '' });
                    setQuery({ section: name });
                  }}
                >
                  {name.replace(/^.*\//, '')}
                  {own === 0 ? null : <span class="quiet"> {own}</span>}
                </a>
              </li>
            ))}
        </ul>
      </nav>
      <div ref={body} class="text-body">
        {shown.map(({ name, line, text }) => (
          <pre key={line} data-section={name} style={{ containIntrinsicSize: `auto ${text.split('\n').length * 18}px` }}>
            {piecesOf(text, word).map((piece, index) => (piece.hit ? <mark key={index}>{piece.text}</mark> : piece.text))}
          </pre>
        ))}
      </div>
    </div>
  );
}
