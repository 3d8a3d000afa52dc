/** The control channels of all sidecars: one for each pod whose control port is known. What sidecars are sent and asked goes by here. */
import type { QueryKind, ToSidecar } from '../snapshot/channel.ts';
import type { ExplainRequest, Explanation } from '../snapshot/explanation.ts';
import type { JudgedCall, Judgement } from '../snapshot/judgement.ts';
import type { ObservedCalls } from '../snapshot/observed-call.ts';
import { ControlError } from './control-error.ts';
import type { PodView } from './registry.ts';
import { readCalls, readExplanation, readJudgement } from './reply-shape.ts';
import { type LinkListener, type LinkOptions, SidecarLink } from './sidecar-link.ts';

/** What the links need from around them. */
export interface LinksOptions extends Omit<LinkOptions, 'workload' | 'port' | 'listener'> {
  readonly listener: (workload: string) => LinkListener;
}

/** Long enough for a busy machine; a sidecar answers in milliseconds or hangs. */
const queryTimeoutMs = 5000;

/** See the file's head. */
export class SidecarLinks {
  readonly #options: LinksOptions;
  readonly #links = new Map<string, SidecarLink>();
  #pods: ReadonlySet<string> = new Set();

  constructor(options: LinksOptions) {
    this.#options = options;
  }

  /** Opens channels to pods that are new, or that have another port, and closes those to others. */
  follow(pods: readonly Pick<PodView, 'workload' | 'controlPort'>[]): void {
    const ports = new Map(pods.map(pod => [pod.workload, pod.controlPort]));
    this.#pods = new Set(ports.keys());
    for (const [workload, link] of this.#links) {
      if (ports.get(workload) === link.port) continue;
      this.#links.delete(workload);
      link.close();
    }
    const { listener, ...options } = this.#options;
    for (const [workload, port] of ports) {
      if (port === null || this.#links.has(workload)) continue;
      this.#links.set(workload, new SidecarLink({ ...options, workload, port, listener: listener(workload) }));
    }
  }

  /** Sends a message; `false` when the sidecar is not connected. @throws FrameError when the message is too large for a frame */
  send(workload: string, message: ToSidecar): boolean {
    return this.#links.get(workload)?.send(message) ?? false;
  }

  /** Sends a message to all who are connected. */
  sendAll(message: ToSidecar): void {
    for (const link of this.#links.values()) link.send(message);
  }

  /** Asks a sidecar. @throws ControlError `unknown-workload`, `not-connected`, `timeout` */
  async query(workload: string, what: QueryKind, timeoutMs: number = queryTimeoutMs): Promise<unknown> {
    return this.#link(workload).query(what, timeoutMs);
  }

  /** Asks what a sidecar would do with a request; `null` before its first snapshot. @throws as `query`; ControlError `protocol` */
  async explain(workload: string, request: ExplainRequest): Promise<Explanation | null> {
    return readExplanation(await this.#link(workload).explain(request, queryTimeoutMs));
  }

  /** Asks whether a sidecar would let a call in; `null` before its first snapshot. @throws as `query`; ControlError `protocol` */
  async judge(workload: string, call: JudgedCall): Promise<Judgement | null> {
    return readJudgement(await this.#link(workload).judge(call, queryTimeoutMs));
  }

  /** Who called the app beside a sidecar since it was first asked. @throws as `query`; ControlError `protocol` */
  async calls(workload: string): Promise<ObservedCalls> {
    return readCalls(await this.query(workload, 'calls'));
  }

  /** Ends all channels; the sidecars go on with what they have. */
  close(): void {
    for (const link of this.#links.values()) link.close();
    this.#links.clear();
  }

  #link(workload: string): SidecarLink {
    const link = this.#links.get(workload);
    if (link !== undefined) return link;
    throw this.#pods.has(workload)
      ? new ControlError('not-connected', `${workload} is not connected`)
      : new ControlError('unknown-workload', `there is no workload ${workload}`);
  }
}
