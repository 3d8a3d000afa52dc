import type { StylesheetJson } from 'cytoscape';

/** Heights of nodes and pixels around versions in a box: the layout counts with the same. */
export const sizes = { node: 32, between: 12, beside: 104, boxPadding: 14, boxLabel: 20, textPadding: 24, font: 12 } as const;
/** As the page's own, for what is drawn on a canvas. */
export const fontFamily = 'system-ui, "Segoe UI", "Helvetica Neue", sans-serif';

/** How the map looks. `colour`: of the palette in force. */
export function mapStyle(colour: (name: string) => string): StylesheetJson {
  const text = { color: colour('--ink'), 'font-family': fontFamily, 'font-size': sizes.font, 'min-zoomed-font-size': 7 };
  return [
    { selector: 'core', style: { 'active-bg-opacity': 0, 'selection-box-opacity': 0 } as never },
    {
      selector: 'node',
      style: {
        ...text,
        shape: 'round-rectangle',
        width: 'data(width)',
        height: sizes.node,
        label: 'data(label)',
        'text-valign': 'center',
        'text-halign': 'center',
        'background-color': colour('--card'),
        'border-width': 1.5,
        'border-color': colour('--quiet'),
        'overlay-opacity': 0,
      },
    },
    { selector: 'node[health = "good"]', style: { 'border-color': colour('--good') } },
    { selector: 'node[health = "warn"]', style: { 'border-color': colour('--warn'), 'border-width': 2.5 } },
    {
      selector: 'node[health = "bad"]',
      style: { 'border-color': colour('--bad'), 'border-width': 2.5, 'background-color': colour('--bad-ground') },
    },
    { selector: 'node[health = "idle"]', style: { 'border-color': colour('--line'), color: colour('--quiet') } },
    { selector: 'node[kind = "gateway"]', style: { shape: 'cut-rectangle', 'background-color': colour('--accent-ground') } },
    { selector: 'node[kind = "external"]', style: { shape: 'barrel', 'border-style': 'dashed' } },
    {
      selector: 'node[kind = "unknown"], node[kind = "passthrough"], node[kind = "blackhole"]',
      style: { shape: 'ellipse', 'border-style': 'dashed', 'background-color': colour('--sunk') },
    },
    {
      selector: 'node:parent',
      style: {
        shape: 'round-rectangle',
        'background-color': colour('--sunk'),
        'background-opacity': 0.7,
        'border-width': 1,
        'border-color': colour('--line'),
        'text-valign': 'top',
        'text-margin-y': -4,
        'font-weight': 600,
        'text-background-color': colour('--ground'),
        'text-background-opacity': 1,
        'text-background-padding': '2px',
        padding: `${sizes.boxPadding}px`,
      },
    },
    {
      selector: 'edge',
      style: {
        ...text,
        'font-size': 11,
        'text-wrap': 'wrap',
        color: colour('--quiet'),
        label: 'data(label)',
        width: 'data(width)',
        'curve-style': 'bezier',
        'control-point-step-size': 50,
        'line-color': colour('--line'),
        'target-arrow-color': colour('--line'),
        'target-arrow-shape': 'triangle',
        'arrow-scale': 0.9,
        'text-background-color': colour('--ground'),
        'text-background-opacity': 1,
        'text-background-padding': '2px',
        'overlay-opacity': 0,
      },
    },
    ...(['good', 'warn', 'bad'] as const).map(health => ({
      selector: `edge[health = "${health}"]`,
      style: { 'line-color': colour(`--${health}`), 'target-arrow-color': colour(`--${health}`) },
    })),
    { selector: 'edge[health = "bad"]', style: { color: colour('--bad') } },
    { selector: 'edge[denied = "yes"]', style: { 'line-style': 'dashed', 'line-dash-pattern': [7, 5] } },
    {
      selector: 'edge[denied = "yes"][health != "bad"]',
      style: { 'line-color': colour('--denied'), 'target-arrow-color': colour('--denied'), color: colour('--denied') },
    },
    { selector: '.aside', style: { opacity: 0.25 } },
    {
      selector: 'node.chosen',
      style: { 'border-color': colour('--accent'), 'border-width': 3, 'font-weight': 600 },
    },
    {
      selector: 'edge.chosen',
      style: { color: colour('--ink'), 'underlay-color': colour('--accent'), 'underlay-opacity': 0.35, 'underlay-padding': 5 },
    },
  ];
}
