// SPDX-License-Identifier: Apache-2.0

/** A waiting Service as far as its turn depends on it. */
export interface Waiter {
  readonly name: string;
  /** RFC 3339 with whole seconds, as the API server sets it. */
  readonly creationTimestamp: string;
}

/** The order in which Services of one namespace are to be served: the older first, of the same second by name. */
export function servingOrder(waiters: readonly Waiter[]): readonly string[] {
  const rank = ({ creationTimestamp, name }: Waiter) => `${creationTimestamp} ${name}`;
  return [...waiters].sort((a, b) => (rank(a) < rank(b) ? -1 : 1)).map(({ name }) => name);
}

/**
 * Names for `count` waiters whose order is not the order in which they are made, so that serving by name shows. A fixed
 * permutation: the same in every run.
 */
export function scatteredNames(count: number): readonly string[] {
  const step = coprimeStep(count);
  return Array.from(
    { length: count },
    (_, index) => `waiter-${String((index * step) % count).padStart(4, '0')}`,
  );
}

/** A number without a common factor with `count`, near its golden section. */
function coprimeStep(count: number): number {
  let step = Math.max(1, Math.round(count * 0.618));
  while (greatestCommonDivisor(step, count) !== 1) step += 1;
  return step;
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
