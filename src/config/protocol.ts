import type { ListenerProtocol } from '../snapshot/snapshot.ts';
import type { PortConfig, ServiceConfig } from './mesh-config.ts';

/** What a protocol choice rests on. */
export interface ProtocolFacts {
  /** `protocol` of the service in mesh.yaml. */
  readonly configured: ListenerProtocol | undefined;
  readonly port: number;
  readonly portName: string;
  readonly appProtocol: string;
  /** Images of the service's versions. */
  readonly images: readonly string[];
}

/** HTTP by name; gRPC and HTTP/2 are HTTP to the listener. */
const httpNames = new Set(['http', 'http1', 'http2', 'h2c', 'grpc', 'ws', 'kubernetes.io/h2c', 'kubernetes.io/ws']);
const http2Names = new Set(['http2', 'h2c', 'grpc', 'kubernetes.io/h2c']);
/** Opaque to us: encrypted or not HTTP. */
const tcpNames = new Set([
  'tcp',
  'tls',
  'https',
  'wss',
  'kubernetes.io/wss',
  'mongo',
  'mysql',
  'redis',
  'postgres',
  'amqp',
  'kafka',
  'nats',
]);

/**
 * Ports whose protocol is settled. Where the server speaks first (mysql, smtp, ssh …) waiting for the client's first bytes would
 * wait for ever; for the others it saves the wait.
 */
const tcpPorts = new Set([
  ...[21, 22, 23, 25, 53, 110, 143, 389, 445, 465, 587, 636, 993, 995],
  ...[1433, 1521, 1883, 2049, 2181, 2888, 3306, 3888, 4222, 4444, 5222, 5432, 5433, 5671, 5672, 6222, 6379, 6380, 6432],
  ...[
    7000, 7001, 7199, 7687, 8883, 9042, 9092, 9093, 9094, 9160, 9300, 11211, 11300, 16379, 26257, 26379, 27017, 27018, 27019,
    28015, 33060, 61616,
  ],
]);
const httpPorts = new Set([80, 3000, 5000, 8000, 8080, 8081, 8888, 9200, 15672, 8086, 9090, 5601, 8222, 8500]);

/** Images by the last part of their name. */
const tcpImages = new Set([
  ...[
    'redis',
    'valkey',
    'keydb',
    'dragonfly',
    'memcached',
    'postgres',
    'postgresql',
    'postgis',
    'timescaledb',
    'pgbouncer',
    'pgvector',
  ],
  ...[
    'mysql',
    'mysql-server',
    'mariadb',
    'percona',
    'mongo',
    'mongodb',
    'mongodb-community-server',
    'cassandra',
    'scylla',
    'cockroach',
  ],
  ...[
    'kafka',
    'cp-kafka',
    'redpanda',
    'zookeeper',
    'cp-zookeeper',
    'rabbitmq',
    'activemq',
    'nats',
    'nats-streaming',
    'mosquitto',
    'beanstalkd',
  ],
  ...['mssql', 'server', 'azure-sql-edge', 'oracle-xe', 'neo4j', 'openldap', 'etcd-tcp', 'sftp', 'postfix', 'dovecot'],
]);
const httpImages = new Set([
  ...[
    'elasticsearch',
    'opensearch',
    'kibana',
    'nginx',
    'httpd',
    'caddy',
    'traefik',
    'haproxy',
    'envoy',
    'grafana',
    'prometheus',
    'jaeger',
  ],
  ...[
    'wordpress',
    'ghost',
    'phpmyadmin',
    'adminer',
    'mongo-express',
    'minio',
    'consul',
    'vault',
    'couchdb',
    'influxdb',
    'zipkin',
    'whoami',
  ],
]);

/**
 * Chooses a protocol without ever listening to the traffic: configuration, the port's name, the image, the port's number; else `auto`.
 * The image goes before the number: an image called redis on port 8080 still speaks first like redis.
 * @see Istio's protocol selection: appProtocol, then the name's part before the first `-`, then well-known ports
 */
export function chooseProtocol(facts: ProtocolFacts): Pick<PortConfig, 'protocol' | 'protocolFrom'> {
  if (facts.configured !== undefined) return { protocol: facts.configured, protocolFrom: 'config' };
  const named = byName(facts.appProtocol) ?? byName(facts.portName.split('-')[0] ?? '');
  if (named !== null) return { protocol: named, protocolFrom: 'port-name' };
  const httpPort = httpPorts.has(facts.port);
  for (const image of facts.images.map(imageName)) {
    // An admin page of a database (rabbitmq's 15672, nats' 8222) is HTTP although the image is not.
    if (tcpImages.has(image) && !httpPort) return { protocol: 'tcp', protocolFrom: 'image' };
    if (httpImages.has(image) && !tcpPorts.has(facts.port)) return { protocol: 'http', protocolFrom: 'image' };
  }
  if (tcpPorts.has(facts.port)) return { protocol: 'tcp', protocolFrom: 'port-number' };
  if (httpPort) return { protocol: 'http', protocolFrom: 'port-number' };
  return { protocol: 'auto', protocolFrom: 'unknown' };
}

/** Whether a service speaks raw TCP on every port. Where no port is known yet, its image tells: what a redis exposes is no HTTP. */
export function speaksOnlyTcp({ ports, protocol, versions }: Pick<ServiceConfig, 'ports' | 'protocol' | 'versions'>): boolean {
  if (ports.length > 0) return ports.every(port => port.protocol === 'tcp');
  const images = versions.map(version => version.container.image);
  return chooseProtocol({ configured: protocol, port: 0, portName: '', appProtocol: '', images }).protocol === 'tcp';
}

/** The same, and whether the port's name tells the HTTP version too. */
export function portProtocol(facts: ProtocolFacts): Pick<PortConfig, 'protocol' | 'protocolFrom' | 'http2'> {
  const chosen = chooseProtocol(facts);
  const named = [facts.appProtocol, facts.portName.split('-')[0]].some(isHttp2);
  return { ...chosen, ...(named && chosen.protocol === 'http' ? { http2: true } : {}) };
}

/** Whether a protocol's name means HTTP/2 with prior knowledge. */
export function isHttp2(name: string | undefined): name is 'http2' | 'h2c' | 'grpc' {
  return http2Names.has((name ?? '').toLowerCase());
}

function byName(name: string): ListenerProtocol | null {
  const lower = name.toLowerCase();
  if (httpNames.has(lower)) return 'http';
  return tcpNames.has(lower) ? 'tcp' : null;
}

/** `redis` of `docker.io/library/redis:7@sha256:…`. */
function imageName(image: string): string {
  const path = image.split('@')[0] ?? '';
  return (path.split('/').at(-1) ?? '').split(':')[0]?.toLowerCase() ?? '';
}
