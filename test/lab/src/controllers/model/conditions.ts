// SPDX-License-Identifier: Apache-2.0

/** The fields that conditions of all kinds have in common. */
export interface ConditionLike {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
  readonly lastTransitionTime?: string;
}

/** Time as the API writes it: whole seconds, UTC. */
export function apiTime(wallMs: number): string {
  return `${new Date(wallMs).toISOString().slice(0, 19)}Z`;
}

/** Time with microseconds, as Leases and events carry it. */
export function apiMicroTime(wallMs: number): string {
  return `${new Date(wallMs).toISOString().slice(0, 23)}000Z`;
}

/** The conditions with one set; `lastTransitionTime` moves only when the status changes. Other entries are untouched. */
export function withCondition<T extends ConditionLike>(
  conditions: readonly T[] | undefined,
  next: T,
  nowMs: number,
): T[] {
  const previous = conditions?.find((condition) => condition.type === next.type);
  const time =
    previous?.status === next.status && previous.lastTransitionTime !== undefined
      ? previous.lastTransitionTime
      : apiTime(nowMs);
  const merged = { ...next, lastTransitionTime: time };
  if (previous === undefined) return [...(conditions ?? []), merged];
  return (conditions ?? []).map((condition) => (condition.type === next.type ? merged : condition));
}

/** Structural equality of JSON values, blind to key order and to keys that are undefined. */
export function sameJson(left: unknown, right: unknown): boolean {
  if (left === right) return true;
  if (typeof left !== 'object' || typeof right !== 'object' || left === null || right === null) return false;
  if (Array.isArray(left) !== Array.isArray(right)) return false;
  if (Array.isArray(left) && Array.isArray(right)) {
    return left.length === right.length && left.every((item, index) => sameJson(item, right[index]));
  }
  const a = new Map(Object.entries(left).filter(([, value]) => value !== undefined));
  const b = new Map(Object.entries(right).filter(([, value]) => value !== undefined));
  return a.size === b.size && [...a].every(([key, value]) => b.has(key) && sameJson(value, b.get(key)));
}
