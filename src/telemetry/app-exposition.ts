import { headedName, readSample } from './sample-line.ts';

/** Names that the mesh's own metrics have: an app cannot speak for its sidecar. */
const reserved = /^(?:istio|mesh|envoy)_/;

/** What is left of an app's text exposition beside the sidecar's: whole lines of the format, under names of the app's own. */
export function appExposition(text: string): { readonly text: string; readonly dropped: number } {
  const kept: string[] = [];
  let dropped = 0;
  for (const line of text.split(/\r?\n/)) {
    if (line === '') continue;
    const name = line.startsWith('#') ? headedName(line) : readSample(line)?.name;
    if (name !== undefined && name !== null && !reserved.test(name)) kept.push(line);
    // Other comments, the end mark of OpenMetrics among them, say nothing that could be lost.
    else if (line.trim() !== '' && !(name === null && isComment(line))) dropped++;
  }
  return { text: kept.length === 0 ? '' : `${kept.join('\n')}\n`, dropped };
}

function isComment(line: string): boolean {
  return line.startsWith('#') && !/^# (?:HELP|TYPE) /.test(line);
}
