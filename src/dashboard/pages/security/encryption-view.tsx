import type { VNode } from 'preact';
import { useMemo } from 'preact/hooks';
import type { EdgeStats } from '../../../api/stats.ts';
import type { ConfigDocument } from '../../../api/types.ts';
import { usePolled } from '../../server/live.ts';
import { count } from '../../view/figures.ts';
import { Badge, Problem, Section } from '../../view/parts.tsx';
import { Table } from '../../view/table.tsx';
import { encryptionOf, plaintextEdges } from './encryption.ts';

interface EncryptionViewProps {
  readonly edges: readonly EdgeStats[];
  /** Version of the configuration in force. */
  readonly version: string;
  readonly during: string;
}

const healths = { strict: 'good', permissive: 'warn', disabled: 'bad' } as const;

/** The mTLS mode of each service, and calls that came in plaintext. */
export function EncryptionView({ edges, version, during }: EncryptionViewProps): VNode {
  const { value, error } = usePolled<ConfigDocument>('/v1/config', null, version);
  const rows = useMemo(() => (value === null ? [] : encryptionOf(value, edges)), [value, edges]);
  return (
    <>
      <Problem error={error} />
      <Section title={`Calls in plaintext, the last ${during}`}>
        <Table
          caption="Calls in plaintext"
          columns={[
            { title: 'From', cell: ({ from }) => from, by: ({ from }) => from },
            { title: 'To', cell: ({ to }) => to, by: ({ to }) => to },
            { title: 'Protocol', cell: ({ protocol }) => protocol, by: ({ protocol }) => protocol },
            { title: 'Refused', cell: ({ refused }) => count(refused), by: ({ refused }) => refused, number: true },
            { title: 'Calls', cell: ({ calls }) => count(calls), by: ({ calls }) => calls, number: true },
          ]}
          rows={plaintextEdges(edges)}
          keyOf={({ from, to, protocol }) => JSON.stringify([from, to, protocol])}
          empty="None: all calls between sidecars were secured by mutual TLS."
        />
      </Section>
      <Section title="mTLS by service">
        <Table
          caption="mTLS by service"
          columns={[
            { title: 'Service', cell: ({ service }) => service, by: ({ service }) => service },
            { title: 'Mode', cell: ({ mode }) => <Badge health={healths[mode]}>{mode}</Badge>, by: ({ mode }) => mode },
            { title: 'Ports of their own mode', cell: ({ ports }) => ports || '–' },
            { title: 'Secured calls', cell: ({ secured }) => count(secured), by: ({ secured }) => secured, number: true },
            { title: 'In plaintext', cell: ({ plaintext }) => count(plaintext), by: ({ plaintext }) => plaintext, number: true },
          ]}
          rows={rows}
          keyOf={({ service }) => service}
          empty={value === null ? '' : 'The mesh has no services.'}
        />
      </Section>
    </>
  );
}
