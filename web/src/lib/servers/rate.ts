/** An amount that was counted over some seconds, per second; null where it was not, or over no time at all. */
export function rate(amount: number | null | undefined, seconds: number): number | null {
  return amount === null || amount === undefined || seconds <= 0 ? null : amount / seconds;
}
