/** How charts are drawn by uPlot, in the colours of the theme. */

import type uPlot from 'uplot';
import { locale } from '#lib/messages/index.ts';
import { timeMarks, type Limit, type Series } from './data';

/** Lines differ by colour and by their dashes: not everybody tells colours apart. */
const LINES: { token: string; dash: number[] }[] = [
  { token: '--accent', dash: [] },
  { token: '--good', dash: [6, 3] },
  { token: '--warn', dash: [2, 3] },
  { token: '--bad', dash: [10, 3, 2, 3] },
  { token: '--muted', dash: [1, 2] },
  { token: '--info', dash: [12, 4] },
];

export function lineOf(index: number): { token: string; dash: number[] } {
  return LINES[index % LINES.length] ?? { token: '--accent', dash: [] };
}

/** A colour of the theme that is shown just now. */
function colour(token: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(token).trim();
}

const BINARY = Array.from({ length: 56 }, (_, power) => 2 ** power);

export interface Wanted {
  series: readonly Series[];
  limits: readonly Limit[];
  format: (value: number) => string;
  /** Amounts of bytes: marks at powers of two. */
  binary: boolean;
  /** The least that the axis of values goes up to. */
  top?: number;
  /** Where the axis of time begins and ends, in seconds. */
  span: () => [number, number] | undefined;
  sync?: string;
  onCursor: (index: number | null) => void;
}

export function options(wanted: Wanted, width: number, height: number): uPlot.Options {
  const { format, limits } = wanted;
  const highest = Math.max(wanted.top ?? 0, ...limits.map((limit) => limit.value));
  const axis = {
    stroke: () => colour('--muted'),
    grid: { stroke: () => colour('--line'), width: 1 },
    ticks: { show: false },
    font: '11px system-ui, sans-serif',
  };
  return {
    width,
    height,
    legend: { show: false },
    cursor: {
      y: false,
      drag: { x: false, y: false },
      points: { size: 6 },
      ...(wanted.sync ? { sync: { key: wanted.sync } } : {}),
    },
    scales: {
      x: { range: (_, min, max) => wanted.span() ?? [min ?? 0, max ?? 1] },
      // From zero: half of a bar has to look like half. A little room above, so that nothing sticks to the edge.
      y: { range: (_, __, max) => [0, Math.max(highest, (max ?? 0) * 1.05) || 1] },
    },
    axes: [
      {
        ...axis,
        size: 28,
        gap: 8,
        space: 70,
        values: (_, marks, __, ___, step) => marks.map(timeMarks(locale(), step)),
      },
      {
        ...axis,
        size: 68,
        space: 32,
        values: (_, marks) => marks.map(format),
        ...(wanted.binary ? { incrs: BINARY } : {}),
      },
    ],
    series: [
      {},
      ...wanted.series.map(({ label }, i) => ({
        label,
        stroke: () => colour(lineOf(i).token),
        dash: lineOf(i).dash,
        width: 1.75,
        spanGaps: false,
      })),
    ],
    hooks: {
      setCursor: [(chart) => wanted.onCursor(chart.cursor.idx ?? null)],
      draw: [(chart) => limits.forEach((limit) => drawLimit(chart, limit))],
    },
  };
}

function drawLimit(chart: uPlot, { label, value }: Limit) {
  const { ctx, bbox } = chart;
  const y = Math.round(chart.valToPos(value, 'y', true));
  ctx.save();
  ctx.strokeStyle = ctx.fillStyle = colour('--bad');
  ctx.lineWidth = devicePixelRatio;
  ctx.setLineDash([4 * devicePixelRatio, 4 * devicePixelRatio]);
  ctx.beginPath();
  ctx.moveTo(bbox.left, y);
  ctx.lineTo(bbox.left + bbox.width, y);
  ctx.stroke();
  ctx.font = `${11 * devicePixelRatio}px system-ui, sans-serif`;
  ctx.textAlign = 'right';
  // Below the line where there is no room above it; above the plot there is some.
  const isAtTop = y < 14 * devicePixelRatio;
  ctx.textBaseline = isAtTop ? 'top' : 'bottom';
  ctx.fillText(label, bbox.left + bbox.width - 4, y + (isAtTop ? 3 : -3) * devicePixelRatio);
  ctx.restore();
}
