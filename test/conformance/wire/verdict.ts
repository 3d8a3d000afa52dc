/** Whether what happened is one of the outcomes that a case allows. */
import type { Expected, SeenRequest, WireCase } from './corpus.ts';
import { type Message, requestsIn, responsesIn, valuesOf } from './messages.ts';
import type { RecordedConnection } from './recorder.ts';

/** What a run of a case came to. */
export interface Observed {
  /** All that the client got. */
  readonly got: string;
  /** The sidecar has closed the client's connection. */
  readonly closed: boolean;
  readonly connections: readonly RecordedConnection[];
}

/** What was wrong, for each outcome that could have been; empty: right. */
export function problemsOf(one: WireCase, observed: Observed): string[] {
  const upstream = observed.connections.flatMap(connection => requestsIn(connection.text));
  const everything = observed.connections.map(connection => connection.text).join('\n');
  const methods = [...one.raw.matchAll(/(?:^|\r\n)([A-Z]+) \S+ HTTP\/1\.[01]\r\n/g)].map(found => found[1] ?? '');
  const answers = responsesIn(observed.got, methods);
  const facts: Facts = { ...observed, upstream, everything, answers, expect: one.expect };
  const always = [
    ...(upstream.some(request => request.target === '/SMUGGLED') && !JSON.stringify(one.expect).includes('"target":"/SMUGGLED"')
      ? ['A SMUGGLED REQUEST REACHED THE SERVER']
      : []),
    ...upstream.flatMap(request => request.faults.map(fault => `forwarded not canonical: ${fault}`)),
    ...answers.flatMap(answer => answer.faults.map(fault => `answered not canonical: ${fault}`)),
    ...(one.expect.never ?? []).filter(text => everything.includes(text)).map(text => `the server got ${JSON.stringify(text)}`),
  ];
  if (always.length > 0) return always;
  const problems: string[] = [];
  for (const outcome of one.expect.oneOf) {
    const found = outcomes[outcome](facts);
    if (found.length === 0) return [];
    problems.push(`${outcome}: ${found.join('; ')}`);
  }
  return problems;
}

interface Facts extends Observed {
  readonly upstream: readonly Message[];
  readonly everything: string;
  readonly answers: readonly Message[];
  readonly expect: Expected;
}

const outcomes: Readonly<Record<Expected['oneOf'][number], (facts: Facts) => string[]>> = {
  reject: ({ expect: { reject }, closed, upstream, answers }) => [
    ...statusProblem(reject?.status ?? [], answers, closed),
    ...completeProblem(upstream),
    ...(reject?.close === true && !closed ? ['connection left open'] : []),
  ],
  abort: ({ expect: { abort }, closed, upstream }) => [
    ...completeProblem(upstream),
    ...(abort?.close === true && !closed ? ['connection left open'] : []),
  ],
  stall: ({ upstream, answers }) => [...completeProblem(upstream), ...(answers.length > 0 ? ['answered'] : [])],
  timeout: ({ expect: { timeout }, closed, upstream, answers }) => [
    ...(closed ? [] : ['connection left open']),
    ...(timeout?.status === undefined ? [] : statusProblem(timeout.status, answers, closed)),
    ...(timeout?.upstreamRequests === 0 && upstream.length > 0 ? ['the server saw a request'] : []),
    ...(timeout?.afterResponse === true && final(answers)?.complete !== true ? ['no answer'] : []),
    ...(timeout?.afterResponse === true ? [] : completeProblem(upstream)),
  ],
  // The server's side begins with SETTINGS.
  h2: ({ got }) => (got.charCodeAt(3) === 4 ? [] : ['no HTTP/2']),
  pass: passProblems,
  downstream: downstreamProblems,
};

function final(answers: readonly Message[]): Message | undefined {
  return answers.find(answer => answer.status >= 200 || answer.status === 101);
}

/** 0 stands for a connection that is closed without an answer. */
function statusProblem(allowed: readonly number[], answers: readonly Message[], closed: boolean): string[] {
  const status = final(answers)?.status ?? 0;
  const told = status === 0 ? closed && allowed.includes(0) : allowed.includes(status);
  return told ? [] : [`status ${status}, closed ${closed}`];
}

function completeProblem(upstream: readonly Message[]): string[] {
  const whole = upstream.filter(request => request.complete);
  return whole.length === 0 ? [] : [`the server saw ${whole.map(request => request.line).join(', ')}`];
}

function passProblems({ expect: { pass }, upstream, everything, answers, closed }: Facts): string[] {
  if (pass === undefined) return ['nothing is said of passing'];
  const left = upstream.filter(request => request.complete);
  const problems: string[] = [];
  let first: Message | null = null;
  for (const wanted of pass.upstream) {
    // Requests on connections of their own come in any order.
    const place = left.findIndex(request => request.method === wanted.method && request.target === wanted.target);
    const request = left[place];
    if (request === undefined) {
      problems.push(
        `${wanted.method} ${wanted.target.slice(0, 60)} never came (${answers.map(answer => answer.status).join(' ')})`,
      );
      continue;
    }
    left.splice(place, 1);
    first ??= request;
    problems.push(...requestProblems(wanted, request));
  }
  for (const optional of pass.optionalUpstream ?? []) {
    const place = left.findIndex(request => request.method === optional.method && request.target === optional.target);
    if (place >= 0) left.splice(place, 1);
  }
  problems.push(...left.map(request => `also came: ${request.line}`));
  if (first !== null) problems.push(...headerProblems(pass, first));
  const finals = answers.filter(answer => answer.status >= 200);
  const interims = answers.filter(answer => answer.status < 200).map(answer => answer.status);
  if (pass.interim !== undefined && interims.join() !== pass.interim.join()) problems.push(`interim ${interims.join()}`);
  if (pass.responses !== undefined && finals.length !== pass.responses) problems.push(`${finals.length} answers`);
  if (pass.responsesMax !== undefined && finals.length > pass.responsesMax) problems.push(`${finals.length} answers`);
  for (const status of pass.statusNot ?? [])
    if (answers.some(answer => answer.status === status)) problems.push(`status ${status}`);
  for (const text of [...(pass.upstreamMustNotContain ?? []), ...(pass.never ?? [])])
    if (everything.includes(text)) problems.push(`the server got ${JSON.stringify(text)}`);
  for (const text of pass.bodyMustNotContain ?? []) if (first?.body.includes(text)) problems.push(`body holds ${text}`);
  if (pass.close === true && !closed) problems.push('connection left open');
  return problems;
}

function requestProblems(wanted: SeenRequest, request: Message): string[] {
  const host = valuesOf(request, 'host').join();
  return [
    ...(wanted.body !== undefined && wanted.body !== request.body ? [`body ${JSON.stringify(request.body.slice(0, 60))}`] : []),
    ...(wanted.bodyLength !== undefined && wanted.bodyLength !== request.body.length ? [`body of ${request.body.length}`] : []),
    ...(wanted.host !== undefined && wanted.host !== host ? [`host ${host}`] : []),
  ];
}

function headerProblems(pass: NonNullable<Expected['pass']>, request: Message): string[] {
  const seen = (name: string): string => valuesOf(request, name).join('|');
  return [
    ...(pass.headersAbsent ?? []).filter(name => valuesOf(request, name).length > 0).map(name => `has ${name}`),
    ...Object.entries(pass.headersEqual ?? {}).flatMap(([name, value]) =>
      seen(name) === value ? [] : [`${name}: ${seen(name)}`],
    ),
    ...Object.entries(pass.headersEqualOneOf ?? {}).flatMap(([name, values]) =>
      values.includes(seen(name)) ? [] : [`${name}: ${seen(name)}`],
    ),
    ...Object.entries(pass.headersNotEqual ?? {}).flatMap(([name, value]) =>
      valuesOf(request, name).includes(value) ? [`${name} kept`] : [],
    ),
    ...Object.entries(pass.headerCount ?? {}).flatMap(([name, count]) =>
      valuesOf(request, name).length === count ? [] : [`${valuesOf(request, name).length} × ${name}`],
    ),
  ];
}

function downstreamProblems({ expect: { downstream }, answers, got, closed, connections, everything }: Facts): string[] {
  if (downstream === undefined) return ['nothing is said of the answer'];
  const answer = final(answers);
  const problems = statusProblem(downstream.status, answers, closed);
  const ended = answer?.complete === true && (!answer.untilClose || closed);
  if (answer?.status === 200 && downstream.body !== undefined && answer.body !== downstream.body)
    problems.push(`body ${JSON.stringify(answer.body.slice(0, 60))}`);
  // A body that ends with the connection looks complete as soon as the connection ends in order.
  if (downstream.complete === false && answer?.status === 200 && ended) problems.push('looks complete');
  if (downstream.complete === true && !ended) problems.push('not complete');
  if (downstream.bodyEmpty === true && answer?.body !== '') problems.push('has a body');
  for (const text of [...(downstream.rawMustNotContain ?? []), ...(downstream.neverDelivered ?? [])])
    if (got.includes(text)) problems.push(`the client got ${JSON.stringify(text)}`);
  for (const [name, values] of Object.entries(downstream.headerLines ?? {}))
    if (answer === undefined || valuesOf(answer, name).join('|') !== values.join('|')) problems.push(`${name} differs`);
  for (const [name, values] of Object.entries(downstream.headerValues ?? {}))
    if (answer === undefined || valuesOf(answer, name).join().split(/, */).join() !== values.join())
      problems.push(`${name} differs`);
  const requests = everything.split(' HTTP/1.1\r\n').length - 1;
  if (downstream.upstreamConnReused === false && requests > connections.length) problems.push('the connection was used again');
  return problems;
}
