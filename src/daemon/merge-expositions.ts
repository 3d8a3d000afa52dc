/**
 * Puts the text expositions of several workloads together: each sample gets a `workload` label, and each family stands once
 * and in one piece, as the format demands.
 * @see https://prometheus.io/docs/instrumenting/exposition_formats/
 */
export function mergeExpositions(texts: ReadonlyMap<string, string>): string {
  const families = new Map<string, { readonly head: string[]; readonly samples: string[] }>();
  for (const [workload, text] of texts) {
    const label = `workload="${workload.replace(/[\\"]/g, '\\$&')}"`;
    let family: { readonly head: string[]; readonly samples: string[] } | undefined;
    for (const line of text.split('\n')) {
      const head = /^# (?:HELP|TYPE) (\S+)/.exec(line);
      if (head !== null) {
        family = open(families, head[1] ?? '');
        if (!family.head.includes(line)) family.head.push(line);
      } else if (line !== '' && !line.startsWith('#')) {
        const name = /^[^\s{]+/.exec(line)?.[0] ?? '';
        (family ?? open(families, name)).samples.push(labelled(line, name, label));
      }
    }
  }
  const lines = [...families.values()].flatMap(({ head, samples }) => [...head, ...samples]);
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
}

function open(
  families: Map<string, { readonly head: string[]; readonly samples: string[] }>,
  name: string,
): { readonly head: string[]; readonly samples: string[] } {
  const family = families.get(name) ?? { head: [], samples: [] };
  families.set(name, family);
  return family;
}

function labelled(line: string, name: string, label: string): string {
  const rest = line.slice(name.length);
  return rest.startsWith('{')
    ? `${name}{${label}${rest.startsWith('{}') ? '' : ','}${rest.slice(1)}`
    : `${name}{${label}}${rest}`;
}
