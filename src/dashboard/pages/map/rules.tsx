import type { VNode } from 'preact';
import type { EdgeStats, RoutesDocument } from '../../../api/stats.ts';
import type { ConfigDocument } from '../../../api/types.ts';
import { escapeLine } from '../../../text/escape.ts';
import { usePolled } from '../../server/live.ts';
import { hrefOf } from '../../view/address.ts';
import { count, percent } from '../../view/figures.ts';
import { Badge, Problem, Section } from '../../view/parts.tsx';
import { type MapView, statsPath, timeQuery } from './map-view.ts';
import { accessRulesOf, accessText, actionText, extrasText, matchText, rulesOf } from './rule-text.ts';

type Config = ConfigDocument['config'];

/** Rules in force for calls to a service, or through a gateway, with what they took. */
export function Rules({
  owner,
  config,
  view,
  everyMs,
}: {
  readonly owner: string;
  readonly config: Config | null;
  readonly view: MapView;
  readonly everyMs: number;
}): VNode {
  const path = statsPath('/v1/routes', { ...timeQuery(view, view.window), services: [owner] });
  const { value, error } = usePolled<RoutesDocument>(path, view.atMs === null ? everyMs : null);
  const rules = config === null ? [] : rulesOf(config, owner);
  const taken = new Map(value?.routes.map(route => [route.rule, route]));
  const known = new Set(rules.map(({ name }) => name));
  // Such as the mesh has by itself, and those of before.
  const others = value?.routes.filter(({ rule, inForce, hits }) => !known.has(rule) && (inForce || hits > 0)) ?? [];
  return (
    <Section title="Rules in force">
      <Problem error={error} />
      {rules.length === 0 && others.length === 0 ? (
        <p class="quiet">No rules: calls go to all versions, evenly over their endpoints.</p>
      ) : (
        <ul class="map-rules">
          {rules.map(rule => {
            const seen = taken.get(rule.name);
            return (
              <li key={rule.name}>
                <strong>{escapeLine(rule.name)}</strong> <span class="quiet">{matchText(rule)}</span> → {actionText(rule)}
                <div class="quiet">{extrasText(rule)}</div>
                {seen === undefined ? null : <Shares route={seen} />}
              </li>
            );
          })}
          {others.map(route => (
            <li key={`other ${route.rule}`}>
              <strong>{escapeLine(route.rule)}</strong> {route.inForce ? null : <Badge health="idle">gone</Badge>}
              <Shares route={route} />
            </li>
          ))}
        </ul>
      )}
      <a href={hrefOf('traffic', { view: 'routes', name: owner })}>Rules under Traffic</a>
    </Section>
  );
}

function Shares({ route: { hits, failures, destinations } }: { readonly route: RoutesDocument['routes'][number] }): VNode {
  const shares = destinations.filter(each => each.hits > 0 || each.intended !== null);
  return (
    <div class="quiet">
      {count(hits)} hits{failures > 0 ? `, ${count(failures)} failed` : ''}
      {shares.length < 2
        ? ''
        : `: ${shares
            .map(({ version, service, share, intended }) => {
              const meant = intended === null ? '' : ` of ${percent(intended, 0)} intended`;
              return `${escapeLine(version || service)} ${percent(share)}${meant}`;
            })
            .join(', ')}`}
    </div>
  );
}

/** Who may call, and who is who. `from`: `null` is anybody. */
export function Access({
  to,
  from,
  config,
  edges,
}: {
  readonly to: string;
  readonly from: string | null;
  readonly config: Config | null;
  /** Those that were seen. */
  readonly edges: readonly EdgeStats[];
}): VNode {
  const rules = config === null ? [] : accessRulesOf(config, to, from);
  const service = config?.services.find(({ name }) => name === to);
  const byDefault = service?.access ?? config?.access.default;
  const own = new Set(edges.flatMap(({ destination }) => (destination.name === to ? (destination.principal ?? []) : [])));
  const callers = new Set(edges.flatMap(({ source, destination }) => (destination.name === to ? (source.principal ?? []) : [])));
  const namespace = service?.namespace;
  const account = service?.account;
  return (
    <Section title="Access and identities">
      <dl class="map-facts">
        <dt>identity</dt>
        <dd class="mono">
          {[...own].map(escapeLine).join(', ') || (account === undefined ? 'none' : escapeLine(`${namespace}/${account}`))}
        </dd>
        <dt>{from === null ? 'callers' : 'caller'}</dt>
        <dd class="mono">{[...callers].map(escapeLine).join(', ') || 'none seen with an identity'}</dd>
        {service === undefined ? null : (
          <>
            <dt>mTLS</dt>
            <dd>{service.mtls}</dd>
          </>
        )}
      </dl>
      {rules.length === 0 ? (
        <p class="quiet">{byDefault === undefined ? 'No rule.' : `No rule speaks of this; the default is ${byDefault}.`}</p>
      ) : (
        <ul class="map-rules">
          {rules.map(rule => (
            <li key={rule.name}>
              <strong>{escapeLine(rule.name)}</strong> {accessText(rule)}
            </li>
          ))}
        </ul>
      )}
      <a href={hrefOf('security')}>All under Security</a>
    </Section>
  );
}
