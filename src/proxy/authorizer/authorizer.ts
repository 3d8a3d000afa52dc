import { accessValue } from '../../access/access-value.ts';
import type { ExternalAuthorizer } from '../../snapshot/access-policy.ts';
import type { AuthorizerCounters } from '../../telemetry/authorizer-metrics.ts';
import type { ClusterRuntime } from '../cluster/cluster-runtime.ts';
import type { Caller } from '../filters/filter.ts';
import { bit, field } from '../http1/known-field.ts';
import type { RequestHead } from '../http1/request-head.ts';
import type { ResponseHead } from '../http1/response-head.ts';
import { type Answer, type DenialHead, denialOf, fieldsOf, unanswered } from './answer.ts';
import { Question, type QuestionParts } from './question.ts';

/** What authorizers need from the program. */
export interface AuthorizerParts extends QuestionParts {
  /** It could not be asked. Called for every such question. */
  failed(authorizer: string, reason: string): void;
}

/** Of the request's fields, what is never passed on: of this hop, or what only a sidecar may say. */
const notAsked: number =
  bit(field.host) |
  bit(field.contentLength) |
  bit(field.expect) |
  bit(field.trailer) |
  bit(field.requestId) |
  bit(field.clientCert) |
  bit(field.attemptCount) |
  bit(field.expectedTimeout) |
  bit(field.originalPath);

/** An external authorizer as it runs: puts the question of a request, and reads the answer. @see Envoy's ext_authz filter, HTTP service */
export class Authorizer {
  readonly name: string;
  readonly #config: ExternalAuthorizer;
  /** Everything that an answer depends on but the question. */
  readonly #key: string;
  readonly #cluster: () => ClusterRuntime | null;
  readonly #counters: AuthorizerCounters;
  readonly #parts: AuthorizerParts;
  readonly #wanted: (name: string) => boolean;

  constructor(
    config: ExternalAuthorizer,
    cluster: () => ClusterRuntime | null,
    counters: AuthorizerCounters,
    parts: AuthorizerParts,
  ) {
    this.name = config.name;
    this.#config = config;
    this.#key = JSON.stringify(config);
    this.#cluster = cluster;
    this.#counters = counters;
    this.#parts = parts;
    const tests = ['authorization', ...config.sends].map(pattern => accessValue(pattern).test);
    // What the sidecar says itself, nobody else may; and a coded refusal could not be passed on.
    const ours = ['accept-encoding', 'x-mesh-principal', ...(config.host === '' ? [] : ['x-forwarded-host'])];
    this.#wanted = name => !ours.includes(name.replaceAll(/[_.]/g, '-')) && tests.some(test => test(name));
  }

  /** The question about a request, as text: equal text, equal answer. */
  question(head: RequestHead, caller: Caller, requestId: string): QuestionText {
    const { host, pathPrefix } = this.#config;
    const target = head.target === '*' && pathPrefix !== '' ? pathPrefix : pathPrefix + head.target;
    const forwarded = host === '' ? '' : `x-forwarded-host: ${head.authority}\r\n`;
    const certificates = this.#wanted('x-forwarded-client-cert') ? (caller.certificates?.(head) ?? '') : '';
    const chain = certificates === '' ? '' : `x-forwarded-client-cert: ${certificates}\r\n`;
    const who = caller.principal === null ? '' : `x-mesh-principal: ${caller.principal}\r\n`;
    return {
      key: this.#key,
      method: head.method,
      text:
        `${head.method} ${target} HTTP/1.1\r\nHost: ${host === '' ? head.authority : host}\r\n` +
        `${head.select(notAsked, this.#wanted)}` +
        `${forwarded}${chain}${who}x-request-id: ${requestId}\r\ncontent-length: 0\r\n`,
    };
  }

  /** Asks. `done` is called once, maybe at once, unless the returned function gives up before. */
  ask({ method, text }: QuestionText, done: (answer: Answer) => void): () => void {
    const begun = this.#parts.now();
    const answered = (answer: Answer, result: 'allowed' | 'denied' | 'error' | 'failed_open'): void => {
      this.#counters.count(result, this.#parts.now() - begun);
      done(answer);
    };
    const { addsToRequest, failOpen, statusOnError, timeoutMs } = this.#config;
    const failed = (reason: string, opens = failOpen): void => {
      this.#parts.failed(this.name, reason);
      if (opens) answered({ kind: 'allowed', fields: fieldsOf(null, addsToRequest) }, 'failed_open');
      else answered({ kind: 'denied', reply: unanswered(statusOnError) }, 'error');
    };
    let denial: DenialHead | null = null;
    const cluster = this.#cluster();
    if (cluster === null) {
      failed('no cluster');
      return () => {};
    }
    const request = { method, head: text, body: 0, upgrade: false, trailersWelcome: false };
    const question = new Question(
      cluster,
      request,
      {
        head: head => {
          const gap = notItsAnswer(head);
          // What the client may have brought about is no failure of the authorizer.
          if (gap !== null) failed(gap, failOpen && head.status >= 500);
          else if (head.status === 200) answered({ kind: 'allowed', fields: fieldsOf(head, addsToRequest) }, 'allowed');
          else {
            denial = denialOf(head, this.#config);
            return false;
          }
          return true;
        },
        body: body => {
          if (denial === null) return;
          const { reply, encoded } = denial;
          answered({ kind: 'denied', reply: { ...reply, body: encoded ? '' : body.toString() } }, 'denied');
        },
        failed,
      },
      this.#parts,
    );
    question.ask(timeoutMs);
    return () => question.giveUp();
  }
}

/** A question; `key` tells whom it is put to. */
export interface QuestionText {
  readonly key: string;
  readonly method: string;
  readonly text: string;
}

/** Why an answer is none of the authorizer: it failed, or a sidecar between it and this one refused. `null`: it is its answer. */
function notItsAnswer(head: ResponseHead): string | null {
  const reason = head.value(field.meshReason);
  if (reason !== '') return `${head.status} ${reason}`;
  return head.status >= 500 ? String(head.status) : null;
}
