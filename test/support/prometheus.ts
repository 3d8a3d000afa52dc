/** A Prometheus as a test asks it, over its HTTP API. */
export class Prometheus {
  readonly #url: string;

  constructor(port: number) {
    this.#url = `http://127.0.0.1:${port}/api/v1/`;
  }

  /** Series and their values now. @throws Error with Prometheus' words */
  async query(expr: string): Promise<readonly Series[]> {
    const { result } = (await this.#get('query', { query: expr })) as { readonly result: readonly Sample[] };
    return result.map(({ metric, value: [, value] }) => ({ labels: metric, value: Number(value) }));
  }

  /** What Grafana finds for a variable: `{a="b",…} value time` of every series, taken apart by the variable's pattern, each once. */
  async pick(expr: string, regex: RegExp): Promise<readonly string[]> {
    const written = (await this.query(expr)).map(
      ({ labels }) => `{${Object.entries(labels).map(([name, value]) => `${name}="${value}"`)}}`,
    );
    return [...new Set(written.flatMap(text => regex.exec(text)?.[1] ?? []))].sort();
  }

  /** Values of a label of the series that fit a selector. */
  async labelValues(label: string, selector: string): Promise<readonly string[]> {
    return (await this.#get(`label/${label}/values`, { 'match[]': selector })) as readonly string[];
  }

  /** Whom it scrapes. */
  async targets(): Promise<readonly ScrapedTarget[]> {
    const { activeTargets } = (await this.#get('targets', {})) as { readonly activeTargets: readonly ScrapedTarget[] };
    return activeTargets;
  }

  async #get(path: string, query: Readonly<Record<string, string>>): Promise<unknown> {
    const response = await fetch(`${this.#url}${path}?${new URLSearchParams(query)}`, { signal: AbortSignal.timeout(10_000) });
    const { data, error } = (await response.json()) as { readonly data?: unknown; readonly error?: string };
    if (data === undefined) throw new Error(`${query['query'] ?? path}: ${error}`);
    return data;
  }
}

/** One series of an answer. */
export interface Series {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

interface Sample {
  readonly metric: Series['labels'];
  readonly value: readonly [number, string];
}

/** A target that Prometheus knows. */
export interface ScrapedTarget {
  readonly labels: Readonly<Record<string, string>>;
  readonly health: 'up' | 'down' | 'unknown';
  readonly lastError: string;
  /** ISO 8601. */
  readonly lastScrape: string;
}
