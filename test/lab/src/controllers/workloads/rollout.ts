// SPDX-License-Identifier: Apache-2.0

/** One ReplicaSet of a Deployment, reduced to the numbers a rollout is decided on. */
export interface ReplicaCounts {
  /** `spec.replicas`. */
  readonly wanted: number;
  /** `status.availableReplicas`. */
  readonly available: number;
}

/** Limits of a rolling update, resolved to numbers of pods. */
export interface RolloutLimits {
  readonly replicas: number;
  readonly maxSurge: number;
  readonly maxUnavailable: number;
}

/** `25%` of a number (rounded up or down) or a plain number. Anything else counts as 0. */
export function resolveCount(
  value: string | number | undefined,
  total: number,
  round: 'up' | 'down',
): number {
  if (typeof value === 'number') return Math.max(0, Math.trunc(value));
  const percent = /^(\d+)%$/.exec(value ?? '')?.[1];
  if (percent === undefined) return /^\d+$/.test(value ?? '') ? Number(value) : 0;
  const exact = (Number(percent) * total) / 100;
  return round === 'up' ? Math.ceil(exact) : Math.floor(exact);
}

/** Limits from a rolling-update strategy (defaults 25 %); both zero would stand still, so one may be unavailable. */
export function rolloutLimits(
  replicas: number,
  strategy: { readonly maxSurge?: string | number; readonly maxUnavailable?: string | number } | undefined,
): RolloutLimits {
  const maxSurge = resolveCount(strategy?.maxSurge ?? '25%', replicas, 'up');
  const resolved = resolveCount(strategy?.maxUnavailable ?? '25%', replicas, 'down');
  const maxUnavailable = maxSurge === 0 && resolved === 0 ? 1 : Math.min(resolved, replicas);
  return { replicas, maxSurge, maxUnavailable };
}

/** New sizes of all ReplicaSets of a Deployment. */
export interface RolloutStep {
  readonly fresh: number;
  /** Same order as given: oldest first. */
  readonly old: readonly number[];
}

/**
 * The next sizes in a rolling update: the new set grows as far as the surge allows, the old ones shrink as far as the
 * pods that are available allow, those without available pods first. Never above `replicas + maxSurge` pods in all
 * (unless there already are), never below `replicas - maxUnavailable` available ones by our own doing.
 */
export function nextRollingStep(
  limits: RolloutLimits,
  fresh: ReplicaCounts,
  old: readonly ReplicaCounts[],
): RolloutStep {
  const oldWanted = old.reduce((sum, set) => sum + set.wanted, 0);
  if (fresh.wanted > limits.replicas) return { fresh: limits.replicas, old: old.map((set) => set.wanted) };
  const room = Math.max(0, limits.replicas + limits.maxSurge - oldWanted - fresh.wanted);
  const grown = fresh.wanted + Math.min(room, limits.replicas - fresh.wanted);
  return { fresh: grown, old: shrinkOld(limits, fresh, old, oldWanted) };
}

function shrinkOld(
  limits: RolloutLimits,
  fresh: ReplicaCounts,
  old: readonly ReplicaCounts[],
  oldWanted: number,
): number[] {
  const needed = limits.replicas - limits.maxUnavailable;
  const sizes = old.map((set) => set.wanted);
  // A status may be older than the size we set: pods beyond the wanted number are already on their way out.
  const oldAvailable = old.map((set) => Math.min(set.wanted, set.available));
  const freshUnavailable = Math.max(0, fresh.wanted - fresh.available);
  let spare = oldWanted + fresh.wanted - needed - freshUnavailable;
  const take = (index: number, most: number): number => {
    const count = Math.max(0, Math.min(most, spare, sizes[index] ?? 0));
    sizes[index] = (sizes[index] ?? 0) - count;
    spare -= count;
    return count;
  };
  for (const [index, set] of old.entries()) take(index, set.wanted - (oldAvailable[index] ?? 0));
  let availableSpare =
    Math.min(fresh.wanted, fresh.available) + oldAvailable.reduce((sum, count) => sum + count, 0) - needed;
  for (const index of old.keys()) availableSpare -= take(index, availableSpare);
  return sizes;
}
