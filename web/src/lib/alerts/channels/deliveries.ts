/** Where a delivery stands. */

export const STATES = ['pending', 'delivered', 'failed'] as const;
export type DeliveryState = (typeof STATES)[number];
