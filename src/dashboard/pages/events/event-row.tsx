import { Component, type VNode } from 'preact';
import type { MeshEvent } from '../../../api/types.ts';
import { hrefOf } from '../../view/address.ts';
import { time } from '../../view/figures.ts';
import { Badge, type Health } from '../../view/parts.tsx';
import { blocksOf, linkOf, wordsOf } from './event-list.ts';

interface EventRowProps {
  readonly event: MeshEvent;
  /** Since it happened, as text. */
  readonly age: string;
}

const healths = { good: 'good', warn: 'warn', bad: 'bad', step: 'idle' } as const satisfies Record<string, Health>;

/** One event. Drawn again only when its age reads otherwise: there may be a thousand. */
export class EventRow extends Component<EventRowProps> {
  override shouldComponentUpdate(next: EventRowProps): boolean {
    return next.event !== this.props.event || next.age !== this.props.age;
  }

  override render(): VNode {
    const { event, age } = this.props;
    const { level, text, detail, hint } = wordsOf(event);
    const link = linkOf(event);
    const blocks = blocksOf(event);
    return (
      <tr>
        <td class="when">
          <time dateTime={event.at} title={event.at}>
            {whenText(event.at)}
          </time>
        </td>
        <td class="number quiet">{age}</td>
        <td>
          <Badge health={healths[level]}>{event.kind}</Badge>
        </td>
        <td>
          {text}
          {detail === undefined ? null : <span class="quiet"> {detail}</span>}
          {hint === undefined ? null : <div class="quiet">hint: {hint}</div>}
          {blocks.length === 0 ? null : (
            <details>
              <summary>{event.kind === 'plan' ? 'operations' : 'where'}</summary>
              <pre>{blocks.join('\n\n')}</pre>
            </details>
          )}
        </td>
        <td>{link === null ? null : <a href={hrefOf(link.page, link.query)}>{link.text}</a>}</td>
      </tr>
    );
  }
}

/** The time; with the day where that is not today. */
function whenText(at: string): string {
  const ms = Date.parse(at);
  const day = new Date(ms).toDateString();
  return day === new Date().toDateString() ? time(ms) : `${day.slice(4, 10)} ${time(ms)}`;
}
