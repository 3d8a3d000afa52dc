/** The pages, in the order of the menu. */
import type { VNode } from 'preact';
import type { StatusDocument } from '../api/types.ts';
import { ConfigPage } from './pages/config-page.tsx';
import { EventsPage } from './pages/events-page.tsx';
import { MapPage } from './pages/map-page.tsx';
import { RequestsPage } from './pages/requests-page.tsx';
import { SecurityPage } from './pages/security-page.tsx';
import { TracesPage } from './pages/traces-page.tsx';
import { TrafficPage } from './pages/traffic-page.tsx';

/** One page. */
export interface Page {
  /** First part of its address. */
  readonly name: string;
  readonly title: string;
  /** `status`: the newest, `null` before the first. */
  readonly view: (status: StatusDocument | null) => VNode;
}

/** All of them; the first is where one begins. */
export const pages: readonly Page[] = [
  { name: 'map', title: 'Map', view: status => <MapPage status={status} /> },
  { name: 'traffic', title: 'Traffic', view: () => <TrafficPage /> },
  { name: 'requests', title: 'Requests', view: status => <RequestsPage status={status} /> },
  { name: 'traces', title: 'Traces', view: status => <TracesPage status={status} /> },
  { name: 'security', title: 'Security', view: status => <SecurityPage status={status} /> },
  { name: 'config', title: 'Config', view: status => <ConfigPage status={status} /> },
  { name: 'events', title: 'Events', view: () => <EventsPage /> },
];
