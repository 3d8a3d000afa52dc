import type { VNode } from 'preact';
import type { StatusDocument } from '../../../api/types.ts';
import { address, setQuery } from '../../view/address.ts';
import { Choice } from '../../view/parts.tsx';
import { namesOf, QueryField } from '../../view/query-field.tsx';
import { bodySizes, oneOf, places } from './tap-question.ts';

const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];
const statuses = ['2xx', '3xx', '4xx', '5xx', '0'];

/** What may be asked of the tap; the mesh's own names are offered. */
export function TapFilters({ status }: { readonly status: StatusDocument | null }): VNode {
  const { query } = address.value;
  const names = namesOf(status);
  return (
    <search class="filters">
      <QueryField label="From" name="from" placeholder="any" list={names} />
      <QueryField label="To" name="to" placeholder="any" list={names} />
      <QueryField label="Method" name="method" placeholder="any" list={methods} />
      <QueryField label="Path" name="path" placeholder="/begins/with" />
      <QueryField label="Status" name="status" placeholder="5xx" list={statuses} />
      <QueryField label="Header" name="header" placeholder="name: value" />
      <span class="field">
        <span>Seen at</span>
        <Choice
          label="Seen at"
          options={places.map(place => [place, place] as const)}
          value={oneOf(places, query.get('at'))}
          onChange={at => setQuery({ at: at === 'destination' ? '' : at })}
        />
      </span>
      <span class="field">
        <span>Bodies</span>
        <Choice
          label="Bodies"
          options={[
            ['', 'off'],
            ['4096', '4 KiB'],
            ['65536', '64 KiB'],
          ]}
          value={oneOf(bodySizes, query.get('bodies'))}
          onChange={bodies => setQuery({ bodies })}
        />
      </span>
    </search>
  );
}
