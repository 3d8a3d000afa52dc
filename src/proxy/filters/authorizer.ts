import type { AccessRule } from '../../snapshot/access-policy.ts';
import type { AccessJudge } from '../access/access-judge.ts';
import { HeadRequest } from '../access/head-request.ts';
import { type Answer, unanswered } from '../authorizer/answer.ts';
import type { Authorizer, QuestionText } from '../authorizer/authorizer.ts';
import type { Decision } from '../exchange/exchange-role.ts';
import type { RuleParts } from '../route/rule-parts.ts';
import type { RequestFilter } from './filter.ts';

/** A question of a request that was asked. `answer` `null`: of a dry run, which nobody waits for. */
export interface AskedQuestion {
  readonly question: QuestionText;
  readonly answer: Answer | null;
}

/**
 * Asks the authorizers of the rules `custom` that match, one after the other: the first no is the answer, and what a yes sets is there for whatever judges
 * the request next. A request waits once for each authorizer. Rules that are dry runs ask too, but nobody waits for the answer, which is only counted.
 */
export function authorizerFilter(judge: AccessJudge, { authorizers, decisions }: RuleParts): RequestFilter {
  const request = new HeadRequest();
  const ask = (rule: AccessRule, authorizer: Authorizer, question: QuestionText, done: (answer: Answer) => void): (() => void) =>
    authorizer.ask(question, answer => {
      decisions.of(rule.name, 'custom', answer.kind, rule.dryRun === true).count++;
      done(answer);
    });
  return (head, caller, decision) => {
    const rules = judge.of(caller);
    const facts = request.of(head, caller, decision);
    for (const rule of rules.customDryRuns(facts)) {
      const authorizer = authorizers.get(rule.authorizer ?? '');
      const question = authorizer?.question(head, caller, decision.requestId);
      if (authorizer === null || question === undefined || find(decision, question) !== undefined) continue;
      note(decision, question, null);
      ask(rule, authorizer, question, () => {});
    }
    const done: Authorizer[] = [];
    for (const rule of rules.customs(facts)) {
      const authorizer = authorizers.get(rule.authorizer ?? '');
      // Nobody can be asked: whoever wrote the rule wanted a yes.
      if (authorizer === null) return unanswered(403);
      if (done.includes(authorizer)) continue;
      done.push(authorizer);
      const question = authorizer.question(head, caller, decision.requestId);
      const answer = find(decision, question)?.answer ?? null;
      if (answer === null)
        return {
          kind: 'wait',
          begin: resume =>
            ask(rule, authorizer, question, found => {
              note(decision, question, found);
              resume();
            }),
        };
      if (answer.kind === 'denied') return answer.reply;
      for (const [name, value] of answer.fields) head.set(name, value);
    }
    return null;
  };
}

/** What is known of a question; of a dry run's only that it was asked. */
function find({ asked }: Decision, { key, text }: QuestionText): AskedQuestion | undefined {
  return asked.findLast(({ question }) => question.key === key && question.text === text);
}

function note(decision: Decision, question: QuestionText, answer: Answer | null): void {
  decision.asked = [...decision.asked, { question, answer }];
}
