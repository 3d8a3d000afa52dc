/**
 * What the three Grafana dashboards of Istio that look at traffic ask of Prometheus (istio/istio, manifests/addons/dashboards: istio-mesh-dashboard.gen.json,
 * istio-service-dashboard.json, istio-workload-dashboard.json): every query with the name of its panel, and nothing of the layout. Which labels are asked
 * for is as there, their order is not; panels that differ only in which end they ask are made from one form.
 */

/** One query of one panel. */
export interface PanelQuery {
  readonly dashboard: 'mesh' | 'service' | 'workload';
  readonly panel: string;
  /** With Grafana's variables. */
  readonly expr: string;
  /** Why there is no data for it here, nor could be. Absent: there must be. */
  readonly never?: string;
}

/** A variable that the user picks from what a query finds. */
export interface Variable {
  readonly name: string;
  readonly expr: string;
  /** What is taken of a series, written as `{label="value"}`. */
  readonly regex: RegExp;
}

const sum = (expr: string, by: string): string => `sum(${expr})${by === '' ? '' : ` by (${by})`}`;
const irate = (metric: string, labels: string, window: string): string => `irate(${metric}{${labels}}[${window}])`;
const quantiles = ['0.50', '0.90', '0.95', '0.99'];
const secured = ['=', '!='] as const;

function duration(q: string, labels: string, by: string, window: string): string {
  const of = (unit: string): string =>
    `histogram_quantile(${q}, ${sum(irate(`istio_request_duration_${unit}_bucket`, labels, window), by)})`;
  return `(${of('milliseconds')} / 1000) or ${of('seconds')}`;
}

function success(labels: string, by: string, window: string): string {
  const good = sum(irate('istio_requests_total', `${labels}, response_code!~"5.*"`, window), by);
  return `${good} / ${sum(irate('istio_requests_total', labels, window), by)}`;
}

/** What a block of seven panels looks at. */
interface Side {
  readonly dashboard: 'service' | 'workload';
  /** Requests, success rate, duration, request size, response size, received bytes, sent bytes. */
  readonly titles: readonly string[];
  readonly labels: string;
  readonly by: string;
  readonly window: { readonly requests: string; readonly rest: string };
  /** How requests over mTLS are told where `connection_security_policy` is not asked. */
  readonly requestsBy?: readonly [string, string];
  /** Why nothing is counted under `mutual_tls`. */
  readonly neverSecured?: string;
}

function side({ dashboard, titles, labels, by, window, requestsBy, neverSecured }: Side): PanelQuery[] {
  return secured.flatMap((is, index) => {
    const never = is === '=' && neverSecured !== undefined ? { never: neverSecured } : {};
    const own = `${labels}, connection_security_policy${is}"mutual_tls"`;
    const query = (title: number, expr: string, absent: Pick<PanelQuery, 'never'> = never): PanelQuery => ({
      dashboard,
      panel: titles[title] ?? '',
      expr,
      ...absent,
    });
    const requests = requestsBy === undefined ? own : `${labels}, ${requestsBy[index]}`;
    const codes = sum(irate('istio_requests_total', requests, window.requests), `${by}, response_code`);
    const size = (q: string, what: string): string =>
      `histogram_quantile(${q}, ${sum(irate(`istio_${what}_bytes_bucket`, own, window.rest), `${by}, le`)})`;
    const bytes = (way: string): string => `round(${sum(irate(`istio_tcp_${way}_bytes_total`, own, window.rest), by)}, 0.001)`;
    return [
      query(0, `round(${codes}, 0.001)`, requestsBy === undefined ? never : {}),
      query(1, success(own, by, window.requests)),
      ...quantiles.map(q => query(2, duration(q, own, `${by}, le`, window.rest))),
      ...quantiles.map(q => query(3, size(q, 'request'))),
      ...quantiles.map(q => query(4, size(q, 'response'))),
      query(5, bytes('received')),
      query(6, bytes('sent')),
    ];
  });
}

const anywhere = 'reporter=~"source|waypoint"';
const rated = (metric: string, labels = anywhere): string => `rate(${metric}{${labels}}[$__rate_interval])`;
const workloads = 'destination_workload,destination_workload_namespace';
const joined = (expr: string): string =>
  `label_join(${expr}, "destination_workload_var", ".", "destination_workload", "destination_workload_namespace")`;

function meshQueries(): PanelQuery[] {
  const query = (panel: string, expr: string): PanelQuery => ({ dashboard: 'mesh', panel, expr });
  const codes = (code: string): string =>
    `round(sum (${rated('istio_requests_total', `${anywhere},response_code=~"${code}"`)}), 0.01) or vector(0)`;
  const good = rated('istio_requests_total', `${anywhere},response_code!~"5.."`);
  const all = rated('istio_requests_total');
  const table = 'HTTP/gRPC Workloads';
  return [
    query('Traffic Volume', `round(sum (${all}), 0.01)`),
    query('Success Rate', `sum (${good}) / sum (${all})`),
    query('4xxs', codes('4..')),
    query('5xxs', codes('5..')),
    query(table, joined(`sum by (${workloads},destination_service) (${all})`)),
    ...['0.5', '0.9', '0.99'].map(q =>
      query(
        table,
        joined(`histogram_quantile(${q}, sum by (le,${workloads}) (${rated('istio_request_duration_milliseconds_bucket')}))`),
      ),
    ),
    query(table, joined(`sum by (${workloads}) (${good})/sum by (${workloads}) (${all})`)),
    ...['received', 'sent'].map(way =>
      query('TCP Workloads', joined(`sum by (${workloads},destination_service) (${rated(`istio_tcp_${way}_bytes_total`)})`)),
    ),
    {
      ...query('Istio Component Versions', 'sum by (component,tag) (istio_build)'),
      never: 'no component of Istio runs here',
    },
  ];
}

function serviceQueries(): PanelQuery[] {
  const window = '$__rate_interval';
  const general = (who: 'Client' | 'Server', reporter: string): PanelQuery[] => {
    const query = (panel: string, expr: string): PanelQuery => ({ dashboard: 'service', panel, expr });
    const labels = `${reporter},destination_service="$service"`;
    const good = sum(irate('istio_requests_total', `${labels},response_code!~"5.*"`, window), '');
    const all = sum(irate('istio_requests_total', labels, window), '');
    return [
      query(`${who} Request Volume`, `round(${all}, 0.001)`),
      query(`${who} Success Rate (non-5xx responses)`, `${good} / (${all} or on () vector(1))`),
      ...['0.50', '0.90', '0.99'].map(q => query(`${who} Request Duration`, duration(q, labels, 'le', window))),
    ];
  };
  const picked = 'reporter=~"$qrep"';
  const tcp = (way: string): string =>
    sum(irate(`istio_tcp_${way}_bytes_total`, `${picked}, destination_service="$service"`, window), '');
  const sizes = ['Incoming Request Duration', 'Incoming Request Size', 'Response Size'];
  const bytes = ['Bytes Received from Incoming TCP Connection', 'Bytes Sent to Incoming TCP Connection'];
  const titles = (requests: string, end: string): string[] => [
    `Incoming Requests By ${requests} And Response Code`,
    `Incoming Success Rate (non-5xx responses) By ${requests}`,
    ...sizes.map(name => `${name} By ${end}`),
    ...bytes,
  ];
  return [
    ...general('Client', picked),
    { dashboard: 'service', panel: 'TCP Received Bytes', expr: tcp('received') },
    ...general('Server', 'reporter="destination"'),
    { dashboard: 'service', panel: 'TCP Sent Bytes', expr: tcp('sent') },
    ...side({
      dashboard: 'service',
      titles: titles('Source', 'Source'),
      labels: `${picked}, destination_service="$service", source_workload=~"$srcwl", source_workload_namespace=~"$srcns"`,
      by: 'source_workload, source_workload_namespace',
      window: { requests: window, rest: window },
    }),
    ...side({
      dashboard: 'service',
      titles: titles('Destination Workload', 'Service Workload'),
      labels:
        'reporter="destination", destination_service="$service", destination_workload=~"$dstwl", destination_workload_namespace=~"$dstns"',
      by: 'destination_workload, destination_workload_namespace',
      window: { requests: window, rest: window },
    }),
  ];
}

function workloadQueries(): PanelQuery[] {
  const query = (panel: string, expr: string): PanelQuery => ({ dashboard: 'workload', panel, expr });
  const picked = 'reporter=~"$qrep"';
  const at = 'destination_workload_namespace=~"$namespace", destination_workload=~"$workload"';
  const from = 'source_workload_namespace=~"$namespace", source_workload=~"$workload"';
  const bothWays = (end: string): string =>
    ['sent', 'received'].map(way => sum(irate(`istio_tcp_${way}_bytes_total`, `${picked}, ${end}`, '1m'), '')).join(' + ');
  const window = { requests: '5m', rest: '1m' };
  return [
    query('Incoming Request Volume', `round(${sum(irate('istio_requests_total', `${picked},${at}`, '5m'), '')}, 0.001)`),
    query('Incoming Success Rate (non-5xx responses)', success(`${picked},${at}`, '', '5m')),
    ...['0.50', '0.90', '0.99'].map(q => query('Request Duration', duration(q, `${picked},${at}`, 'le', '1m'))),
    query('TCP Server Traffic', bothWays(at)),
    query('TCP Client Traffic', bothWays(from)),
    ...side({
      dashboard: 'workload',
      titles: [
        'Incoming Requests By Source And Response Code',
        'Incoming Success Rate (non-5xx responses) By Source',
        'Incoming Request Duration By Source',
        'Incoming Request Size By Source',
        'Response Size By Source',
        'Bytes Received from Incoming TCP Connection',
        'Bytes Sent to Incoming TCP Connection',
      ],
      labels: `${picked}, ${at}, source_workload=~"$srcwl", source_workload_namespace=~"$srcns"`,
      by: 'source_workload, source_workload_namespace',
      window,
    }),
    ...side({
      dashboard: 'workload',
      titles: [
        'Outgoing Requests By Destination And Response Code',
        'Outgoing Success Rate (non-5xx responses) By Destination',
        'Outgoing Request Duration By Destination',
        'Outgoing Request Size By Destination',
        'Response Size By Destination',
        'Bytes Sent on Outgoing TCP Connection',
        'Bytes Received from Outgoing TCP Connection',
      ],
      labels: `reporter="source", ${from}, destination_service=~"$dstsvc"`,
      by: 'destination_service',
      window,
      requestsBy: ['destination_principal=~"spiffe.*"', 'destination_principal!~"spiffe.*"'],
      neverSecured: "the client's side says `unknown`, in Istio as here",
    }),
  ];
}

/** All of them. */
export const istioQueries: readonly PanelQuery[] = [...meshQueries(), ...serviceQueries(), ...workloadQueries()];

/** Requests or raw TCP, summed by a label: what nearly every variable asks. */
function found(label: string, labels: string): string {
  return ['istio_requests_total', 'istio_tcp_sent_bytes_total'].map(metric => sum(`${metric}{${labels}}`, label)).join(' or ');
}

const named = (label: string): RegExp => new RegExp(`.*${label}="([^"]*).*`);

/** The variables of a dashboard, in the order in which they are filled. `qrep` is the reporter: both are picked. */
export const istioVariables: Readonly<Record<'service' | 'workload', readonly Variable[]>> = {
  service: [
    { name: 'service', expr: found('destination_service', ''), regex: named('destination_service') },
    ...[
      ['srccluster', 'source_cluster', 'cluster'],
      ['srcns', 'source_workload_namespace', 'namespace'],
      ['srcwl', 'source_workload', 'workload'],
    ].map(([name = '', label = '', end = '']) => {
      const more = name === 'srcwl' ? ', source_workload_namespace=~"$srcns"' : '';
      return { name, expr: found(label, `reporter=~"$qrep", destination_service="$service"${more}`), regex: named(end) };
    }),
    ...[
      ['dstcluster', 'destination_cluster', 'cluster'],
      ['dstns', 'destination_workload_namespace', 'namespace'],
      ['dstwl', 'destination_workload', 'workload'],
    ].map(([name = '', label = '', end = '']) => {
      const more = name === 'dstwl' ? ', destination_cluster=~"$dstcluster", destination_workload_namespace=~"$dstns"' : '';
      return { name, expr: found(label, `reporter="destination", destination_service="$service"${more}`), regex: named(end) };
    }),
  ],
  workload: [
    { name: 'namespace', expr: found('destination_workload_namespace', ''), regex: named('_namespace') },
    {
      name: 'workload',
      expr: ['istio_requests_total', 'istio_tcp_sent_bytes_total']
        .map(metric =>
          ['destination', 'source']
            .map(end => sum(`${metric}{${end}_workload_namespace=~"$namespace"}`, `${end}_workload`))
            .join(' or '),
        )
        .map(each => `(${each})`)
        .join(' or '),
      regex: named('workload'),
    },
    ...[
      ['srcns', 'source_workload_namespace', 'namespace'],
      ['srcwl', 'source_workload', 'workload'],
    ].map(([name = '', label = '', end = '']) => {
      const more = name === 'srcwl' ? ', source_workload_namespace=~"$srcns"' : '';
      const labels = `reporter=~"$qrep", destination_workload="$workload", destination_workload_namespace=~"$namespace"${more}`;
      return { name, expr: found(label, labels), regex: named(end) };
    }),
    {
      name: 'dstsvc',
      expr: found(
        'destination_service',
        'reporter="source", source_workload=~"$workload", source_workload_namespace=~"$namespace"',
      ),
      regex: named('destination_service'),
    },
  ],
};
