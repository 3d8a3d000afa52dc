/** Names that the mesh's own metrics have: an app cannot speak for its sidecar. */
const reserved = /^(?:istio|mesh|envoy)_/;
const label = String.raw`[a-zA-Z_]\w*="(?:[^"\\]|\\.)*"`;
/** Name, labels, value, and maybe a timestamp. */
const sample = new RegExp(
  String.raw`^([a-zA-Z_:][\w:]*)(?:\{(?:${label}(?:,${label})*,?)?\})?[ \t]+[^\s{}"]+(?:[ \t]+-?\d+(?:\.\d+)?)?[ \t]*$`,
);
const head = /^# (?:HELP|TYPE) ([a-zA-Z_:][\w:]*)(?: |$)/;

/** What is left of an app's text exposition beside the sidecar's: whole lines of the format, under names of the app's own. */
export function appExposition(text: string): { readonly text: string; readonly dropped: number } {
  const kept: string[] = [];
  let dropped = 0;
  for (const line of text.split(/\r?\n/)) {
    const name = (head.exec(line) ?? sample.exec(line))?.[1];
    if (name !== undefined && !reserved.test(name)) kept.push(line);
    // Other comments, the end mark of OpenMetrics among them, say nothing that could be lost.
    else if (line.trim() !== '' && (name !== undefined || !line.startsWith('#'))) dropped++;
  }
  return { text: kept.length === 0 ? '' : `${kept.join('\n')}\n`, dropped };
}
