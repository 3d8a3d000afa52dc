import type { VNode } from 'preact';
import type { StatusDocument } from '../../../api/types.ts';
import { Badge, Section } from '../../view/parts.tsx';

/** The engine, the gateways and the issuers of tokens: what the mesh stands on. */
export function EngineState({ status: { engine, issuers = [], gateways, daemon } }: { readonly status: StatusDocument }): VNode {
  return (
    <Section title="Daemon and engine">
      <dl class="known">
        <div>
          <dt>Daemon</dt>
          <dd>
            <Badge health={daemon.phase === 'running' ? 'good' : daemon.phase === 'failed' ? 'bad' : 'warn'}>
              {daemon.phase}
            </Badge>{' '}
            {daemon.reason} pid {daemon.pid}, version {daemon.version}
          </dd>
        </div>
        <div>
          <dt>Docker engine</dt>
          <dd>
            <Badge health={engine.state === 'connected' ? 'good' : 'bad'}>{engine.state}</Badge> {engine.reason}
          </dd>
        </div>
        {gateways.map(({ name, url }) => (
          <div key={name}>
            <dt>Gateway {name}</dt>
            <dd>{url}</dd>
          </div>
        ))}
        {issuers.map(({ issuer, keys, url, problem }) => (
          <div key={issuer}>
            <dt>Token issuer</dt>
            <dd>
              {issuer}{' '}
              <Badge health={problem === '' ? 'good' : keys === 0 ? 'bad' : 'warn'}>
                {keys} {keys === 1 ? 'key' : 'keys'}
              </Badge>{' '}
              <span class="quiet">{url}</span>
              {problem === '' ? '' : ` cannot be fetched: ${problem}`}
            </dd>
          </div>
        ))}
      </dl>
    </Section>
  );
}
