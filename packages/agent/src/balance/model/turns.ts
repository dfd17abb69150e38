// SPDX-License-Identifier: Apache-2.0

/** More turns than this in one cycle cost more than they are worth: a weight's share is kept to about one in a thousand. */
const MAX_TURNS = 1_000;

/**
 * The order in which back ends of these weights get their turns, as indexes: one cycle, after which it begins again. Smooth,
 * as the balancers of the field have it: 3, 1 gives 0 0 1 0 and not 0 0 0 1. Empty when nobody has a weight. Pure.
 *
 * @param weights whole numbers from 0
 */
export function weightedTurns(weights: readonly number[]): readonly number[] {
  const shares = reduce(weights);
  const total = shares.reduce((sum, share) => sum + share, 0);
  const credits = shares.map(() => 0);
  return Array.from({ length: total }, () => {
    let next = 0;
    for (const [index, share] of shares.entries()) {
      credits[index] = (credits[index] ?? 0) + share;
      if ((credits[index] ?? 0) > (credits[next] ?? 0)) next = index;
    }
    credits[next] = (credits[next] ?? 0) - total;
    return next;
  });
}

/** The smallest whole numbers in the same proportion; nearly the same, where a cycle would become too long. */
function reduce(weights: readonly number[]): readonly number[] {
  const divisor = weights.reduce(greatestCommonDivisor, 0);
  if (divisor === 0) return weights;
  const smallest = weights.map((weight) => weight / divisor);
  const total = smallest.reduce((sum, weight) => sum + weight, 0);
  if (total <= MAX_TURNS) return smallest;
  // Nobody who has a weight goes without a turn.
  return smallest.map((weight) => (weight === 0 ? 0 : Math.max(1, Math.round((weight * MAX_TURNS) / total))));
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
