const words: Readonly<Record<string, string>> = {
  UH: 'no healthy endpoint of the called service',
  UF: 'the connection to the called service failed',
  UC: 'the called service ended the connection before its answer',
  UPE: 'the called service answered something that is not HTTP',
  UT: 'it took longer than its timeout',
  NR: 'no rule takes it',
  NC: 'the rule names something that is not there',
  URX: 'the limit of retries was reached',
  DC: 'the caller went away',
  DPE: 'the caller sent something that is not HTTP',
  SI: 'the stream was idle for too long',
  DI: 'delayed on purpose (a fault)',
  FI: 'failed on purpose (a fault)',
  RL: 'refused by a rate limit',
  UO: 'refused by a limit of connections or requests (circuit breaker), or by an overloaded sidecar',
  UAEX: 'refused by an external authorizer, or it could not be asked',
};

/** What a response flag means; the empty string: nothing happened, or the flag is not known here. */
export function flagWords(flag: string): string {
  return Object.hasOwn(words, flag) ? (words[flag] ?? '') : '';
}
