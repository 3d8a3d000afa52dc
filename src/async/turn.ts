/** Something that wants to act once all input of this turn of the event loop has been dealt with. */
export interface TurnTask {
  /** Must not throw. */
  turnEnded(): void;
}

let tasks: TurnTask[] = [];
let spare: TurnTask[] = [];

function run(): void {
  const now = tasks;
  tasks = spare;
  for (const task of now) task.turnEnded();
  now.length = 0;
  spare = now;
}

/**
 * Calls `task` at the end of this turn, after every socket that had something to read was read: what many of them caused can leave in one write. A microtask
 * would run after each single socket. One immediate serves all tasks of a turn.
 */
export function atTurnEnd(task: TurnTask): void {
  if (tasks.push(task) === 1) setImmediate(run);
}
