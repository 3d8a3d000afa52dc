import type { VNode } from 'preact';
import type { StatusDocument } from '../../../api/types.ts';
import { address, setQuery } from '../../view/address.ts';
import { Choice, Field } from '../../view/parts.tsx';
import { bodySizes, oneOf, places } from './tap-question.ts';

const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];
const statuses = ['2xx', '3xx', '4xx', '5xx', '0'];

/** What may be asked of the tap; the mesh's own names are offered. */
export function TapFilters({ status }: { readonly status: StatusDocument | null }): VNode {
  const { query } = address.value;
  const names = [
    ...new Set([...(status?.workloads ?? []).map(({ service }) => service), ...(status?.gateways ?? []).map(({ name }) => name)]),
  ];
  const field = (label: string, name: string, placeholder: string, list: readonly string[] = []): VNode => (
    <Field
      label={label}
      value={query.get(name) ?? ''}
      placeholder={placeholder}
      {...(list.length > 0 && { list })}
      onChange={value => setQuery({ [name]: value })}
    />
  );
  return (
    <search class="filters">
      {field('From', 'from', 'any', names)}
      {field('To', 'to', 'any', names)}
      {field('Method', 'method', 'any', methods)}
      {field('Path', 'path', '/begins/with')}
      {field('Status', 'status', '5xx', statuses)}
      {field('Header', 'header', 'name: value')}
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
