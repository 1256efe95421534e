/** What a chart is drawn from. */

export interface Series {
  label: string;
  values: readonly (number | null | undefined)[];
}

/** A line across the chart: a limit, a threshold. */
export interface Limit {
  label: string;
  value: number;
}

/** Times in seconds, and the values of each series at them. */
export interface Drawn {
  times: number[];
  values: (number | null)[][];
}

/** The middle of some numbers; 0 of none. */
function median(numbers: number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0;
}

/**
 * Puts an empty point into each gap, or a line would be drawn across it. How far points are apart is taken from the points: a
 * server without an agent is measured less often than the resolution says.
 */
export function withGaps(times: readonly string[], series: readonly Series[]): Drawn {
  const at = times.map((time) => Date.parse(time) / 1000);
  const far = 2.5 * median(at.slice(1).map((time, i) => time - (at[i] ?? time)));
  const drawn: Drawn = { times: [], values: series.map(() => []) };
  at.forEach((time, i) => {
    const before = at[i - 1];
    if (before !== undefined && time - before > far) {
      drawn.times.push((before + time) / 2);
      drawn.values.forEach((values) => values.push(null));
    }
    drawn.times.push(time);
    drawn.values.forEach((values, of) => values.push(series[of]?.values[i] ?? null));
  });
  return drawn;
}

/** The last, least and greatest of what was measured; undefined where nothing was. */
export function summary(values: Series['values']): { last: number; min: number; max: number } | undefined {
  const known = values.filter((value) => typeof value === 'number');
  const last = known.at(-1);
  if (last === undefined) return undefined;
  return { last, min: Math.min(...known), max: Math.max(...known) };
}

const DAY = 86_400;

/** What stands at the marks of the axis of time, as far apart as `step` seconds: the day at midnight, else the clock. */
export function timeMarks(locale: string, step: number): (seconds: number) => string {
  const day = new Intl.DateTimeFormat(locale, { day: 'numeric', month: 'short' });
  // "2:15 AM", and "02:15".
  const { hour12 } = new Intl.DateTimeFormat(locale, { hour: 'numeric' }).resolvedOptions();
  const clock = new Intl.DateTimeFormat(locale, {
    hour: hour12 ? 'numeric' : '2-digit',
    minute: '2-digit',
    second: step < 60 ? '2-digit' : undefined,
  });
  return (seconds) => {
    const at = new Date(seconds * 1000);
    const isMidnight = at.getHours() === 0 && at.getMinutes() === 0 && at.getSeconds() === 0;
    return (step >= DAY || isMidnight ? day : clock).format(at);
  };
}
