// SPDX-License-Identifier: Apache-2.0
import { addressOf, FAMILIES, type Family, formatAddress } from '@fairlead/shared/address/address.ts';
import { addressRequestOf, standingRefusal } from '@fairlead/shared/kubernetes/allocation-condition.ts';
import { keyOf, type Service } from '@fairlead/shared/kubernetes/objects.ts';
import { Holdings } from '../allocator/holdings.ts';
import { choosePool } from '../pools/choose-pool.ts';
import { parsePools } from '../pools/parse.ts';
import {
  givesByItself,
  type Pool,
  type PoolKind,
  type PoolProblem,
  type Pools,
  poolContains,
  poolSize,
} from '../pools/pool.ts';
import { type ClassMode, claimOf, isMarked, subjectOf, wantsAddresses } from '../services/service-state.ts';

/** What the cluster says. */
export interface PoolsInput {
  /** `namespace/name`. */
  readonly configMap: string;
  /** undefined: there is no such ConfigMap. */
  readonly data: Readonly<Record<string, string>> | undefined;
  /** Of all namespaces. */
  readonly services: readonly Service[];
  readonly mode: ClassMode;
}

/** The pools of a cluster as seen from outside of the running cloud provider. */
export interface PoolsReport {
  readonly configMap: string;
  readonly exists: boolean;
  /** In the order of their ids. */
  readonly pools: readonly PoolReport[];
  /** Services that have no addresses, oldest first. */
  readonly waiting: readonly WaitingService[];
  readonly problems: readonly PoolProblem[];
}

/** One pool. */
export interface PoolReport {
  readonly id: string;
  readonly kind: PoolKind;
  /** Keys of the ConfigMap that list its addresses. */
  readonly keys: readonly string[];
  /** Serves also Services that do not ask for it. */
  readonly autoAssign: boolean;
  /** Services that wait for an address of it. */
  readonly waiting: number;
  /** Families that it has. */
  readonly families: readonly FamilyReport[];
}

/** What a pool has of one family. */
export interface FamilyReport {
  readonly family: Family;
  /** The agents get the address by DHCP; there is nothing to count. */
  readonly dhcp: boolean;
  readonly size: bigint;
  readonly used: number;
  /** Not used. Resting addresses are among them: how long one rests is known to the running cloud provider alone. */
  readonly free: bigint;
  /** Who holds which address of it, in the order of the addresses. */
  readonly held: readonly HeldAddress[];
}

/** One address in use. */
export interface HeldAddress {
  readonly address: string;
  /** `namespace/name`; several when they share it. */
  readonly services: readonly string[];
}

/** A Service without addresses. */
export interface WaitingService {
  readonly service: string;
  /** Id of the pool that serves it; undefined when there is none, or when it asks for an address of its own choice. */
  readonly pool: string | undefined;
  /** The cloud provider's last word, from the condition; '' when it has said nothing yet. */
  readonly reason: string;
  readonly message: string;
}

/** Counts what a cluster's pools have, by the same rules as the cloud provider that gives them out. Pure. */
export function reportPools({ configMap, data, services, mode }: PoolsInput): PoolsReport {
  const pools = parsePools(data);
  const holdings = new Holdings({ restOf: () => 0 });
  for (const service of services) holdings.observe(claimOf(service, pools), 0);
  const waiting = services
    .filter((service) => waits(service, mode))
    .sort(byCreation)
    .map((service) => waitingService(service, pools));
  const ids = [...pools.byId.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  return {
    configMap,
    exists: pools.configured,
    pools: ids.map((pool) => ({
      id: pool.id,
      kind: pool.kind,
      keys: keysOf(pool, data ?? {}),
      autoAssign: givesByItself(pool),
      waiting: waiting.filter((each) => each.pool === pool.id).length,
      families: FAMILIES.flatMap((family) => familyReport(pool, family, holdings)),
    })),
    waiting,
    problems: pools.problems,
  };
}

function familyReport(pool: Pool, family: Family, holdings: Holdings): readonly FamilyReport[] {
  const dhcp = pool.dhcp.has(family);
  const size = poolSize(pool, family);
  if (size === 0n && !dhcp) return [];
  const values = [...holdings.held(family)].filter((value) => poolContains(pool, { family, value }));
  const held = values
    .sort((a, b) => (a < b ? -1 : Number(a > b)))
    .map((value) => ({
      address: formatAddress({ family, value }),
      services: holdings.holdersOf({ family, value }),
    }));
  return [{ family, dhcp, size, used: held.length, free: size - BigInt(held.length), held }];
}

function keysOf({ kind, name }: Pool, data: Readonly<Record<string, string>>): readonly string[] {
  const keys = kind === 'named' ? [`pool-${name}`] : [`cidr-${name}`, `range-${name}`];
  return keys.filter((key) => key in data);
}

/** Ours, and without an address that it may be reached at. */
function waits(service: Service, mode: ClassMode): boolean {
  if (!wantsAddresses(service, mode)) return false;
  return standingRefusal(service) !== undefined || !isMarked(service) || !namesAddress(service);
}

function namesAddress(service: Service): boolean {
  const { text = '' } = addressRequestOf(service) ?? {};
  // A host name will do: its address is the agents' business.
  return text.split(',').some((entry) => addressOf(entry.trim()) !== undefined || entry.includes('.'));
}

function waitingService(service: Service, pools: Pools): WaitingService {
  const refusal = standingRefusal(service);
  const choice = addressRequestOf(service) === undefined ? choosePool(pools, subjectOf(service)) : undefined;
  return {
    service: keyOf(service),
    pool: choice?.ok === true ? choice.pool.id : undefined,
    reason: refusal?.reason ?? '',
    message: refusal?.message ?? '',
  };
}

function byCreation(a: Service, b: Service): number {
  const rank = (service: Service) => `${service.metadata?.creationTimestamp ?? ''} ${keyOf(service)}`;
  return rank(a) < rank(b) ? -1 : 1;
}
