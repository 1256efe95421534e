/** How far back charts go: said in the address, so that it can be linked to. */

import type { ChartPeriod } from '#lib/api/schema.d.ts';

export const PERIODS = ['1h', '6h', '24h', '7d', '30d'] as const satisfies readonly ChartPeriod[];

/** The period of an address; an hour where it names none. */
export function periodOf(url: { searchParams: Pick<URLSearchParams, 'get'> }): ChartPeriod {
  const said = url.searchParams.get('period');
  return PERIODS.find((period) => period === said) ?? '1h';
}

/** How often figures of a period are asked for again, in milliseconds: no more often than new ones are made. */
export function refreshOf(period: ChartPeriod): number {
  return period === '1h' ? 10_000 : period === '6h' ? 30_000 : 120_000;
}
