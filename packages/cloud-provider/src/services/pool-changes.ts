// SPDX-License-Identifier: Apache-2.0
import { ALLOCATED_ON_REQUEST } from '@fairlead/shared/kubernetes/contract.ts';
import type { Service } from '@fairlead/shared/kubernetes/objects.ts';
import { choosePool, type PoolChoice } from '../pools/choose-pool.ts';
import { interfaceFor, mayShare, type Pool, type PoolSource, type Pools } from '../pools/pool.ts';
import { allocatedFrom, subjectOf } from './service-state.ts';
import { writtenOf } from './written.ts';

/** Whom another ConfigMap concerns. An edit that has nothing to do with a Service must not cost anything for it. */
export class PoolChanges {
  readonly #before: Pools;
  readonly #after: Pools;
  /** Ids of the pools that differ. */
  readonly #changed: ReadonlySet<string>;
  readonly #requestsChanged: boolean;
  readonly #policyChanged = new Map<string, boolean>();

  constructor(before: Pools, after: Pools) {
    this.#before = before;
    this.#after = after;
    const ids = new Set([...before.byId.keys(), ...after.byId.keys()]);
    this.#changed = new Set([...ids].filter((id) => !samePool(before, after, id)));
    this.#requestsChanged =
      before.requestedOutsidePool !== after.requestedOutsidePool ||
      !before.avoidEverywhere.equals(after.avoidEverywhere);
  }

  /** Whether those who wait may fare better, or have to be told something else. */
  get concernsWaiters(): boolean {
    const { configured } = this.#before;
    return this.#changed.size > 0 || this.#requestsChanged || configured !== this.#after.configured;
  }

  /** Whether the terms on which Services of the namespace share have changed. */
  changesTermsIn(namespace: string): boolean {
    const [before, after] = [mayShare(this.#before, namespace), mayShare(this.#after, namespace)];
    if (before !== after) return true;
    const ownDataPlane = this.#before.ownDataPlane !== this.#after.ownDataPlane;
    return after && (ownDataPlane || this.#interfaceChanges(namespace));
  }

  /** Whether the Service has to be looked at again. */
  concerns(service: Service): boolean {
    const namespace = service.metadata?.namespace ?? '';
    if (this.#interfaceChanges(namespace) && writtenOf(service) !== undefined) return true;
    const from = allocatedFrom(service);
    if (from === ALLOCATED_ON_REQUEST) return this.concernsWaiters;
    if (from !== undefined && this.#policyChanges(from)) return true;
    if (this.#changed.size === 0) return false;
    const subject = subjectOf(service);
    const ids = [this.#before, this.#after].map((pools) => idOf(choosePool(pools, subject)));
    return ids[0] !== ids[1] || [from, ...ids].some((id) => id !== undefined && this.#changed.has(id));
  }

  #interfaceChanges(namespace: string): boolean {
    return interfaceFor(this.#before, namespace) !== interfaceFor(this.#after, namespace);
  }

  /** Pools that have gone have policies, too: Services still have their addresses. */
  #policyChanges(id: string): boolean {
    const known = this.#policyChanged.get(id);
    if (known !== undefined) return known;
    const changed = JSON.stringify(this.#before.onChange(id)) !== JSON.stringify(this.#after.onChange(id));
    this.#policyChanged.set(id, changed);
    return changed;
  }
}

function idOf(choice: PoolChoice): string | undefined {
  return choice.ok ? choice.pool.id : undefined;
}

function samePool(before: Pools, after: Pools, id: string): boolean {
  const [a, b] = [before.byId.get(id), after.byId.get(id)];
  if (a === undefined || b === undefined) return false;
  return (
    a.avoid.equals(b.avoid) &&
    a.sources.length === b.sources.length &&
    a.sources.every((source, i) => sameSource(source, b.sources[i])) &&
    rulesOf(before, a) === rulesOf(after, b)
  );
}

function sameSource(a: PoolSource, b: PoolSource | undefined): boolean {
  if (b === undefined || a.key !== b.key || a.value !== b.value) return false;
  const sameEnds = a.namedEnds.every((end, i) => end.value === b.namedEnds[i]?.value);
  return sameEnds && a.namedEnds.length === b.namedEnds.length && a.addresses.equals(b.addresses);
}

/** All but the addresses, and what messages say about the pool. */
function rulesOf({ problems }: Pools, pool: Pool): string {
  const about = problems.filter((problem) => problem.pool === pool.id).map(({ problem }) => problem);
  const { kind, order, autoAssign, selector, selectorUnreadable, onChange, cooldownMs } = pool;
  const dhcp = [...pool.dhcp];
  return JSON.stringify([
    kind,
    order,
    dhcp,
    autoAssign,
    selector?.text,
    selectorUnreadable,
    onChange,
    cooldownMs,
    about,
  ]);
}
