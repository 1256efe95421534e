/** What was measured of an instance. */

import { api, body } from '#lib/api/client.ts';
import type { ChartPeriod } from '#lib/api/schema.d.ts';
import { refreshOf } from '#lib/charts/period.ts';

/** The query for a period. Figures are not told of by the stream of changes: they are asked for as often as they are made. */
export function metricsOf(id: string, period: ChartPeriod) {
  return {
    queryKey: ['metrics', 'instance', id, period],
    queryFn: () =>
      body(
        api.GET('/api/instances/{id}/monitoring/metrics', { params: { path: { id }, query: { period } } }),
      ),
    refetchInterval: refreshOf(period),
  };
}
