// SPDX-License-Identifier: Apache-2.0
import { FAMILIES, type Family, familyName } from '@fairlead/shared/address/address.ts';
import { IntervalSet } from '@fairlead/shared/address/interval-set.ts';
import { parseBool } from '@fairlead/shared/runtime/settings.ts';
import { type ReadSource, readSource } from './parse-source.ts';
import { type ChangePolicy, GLOBAL_POOL, type Pool, type PoolProblem, type Pools } from './pool.ts';

/** The keys that hold for all pools. */
const SEARCH_ORDER = 'search-order';
const SKIP_ENDS = 'skip-end-ips-in-cidr';
const SCOPED_KEY = /^(cidr|range|interface|allow-share)-(.+)$/;

const KEEP: ChangePolicy = { kind: 'keep' };

/** No ConfigMap: no pool, and nothing wrong with any key. */
export const NO_POOLS: Pools = {
  configured: false,
  byId: new Map(),
  interfaces: new Map(),
  sharing: new Map(),
  avoidEverywhere: IntervalSet.empty,
  requestedOutsidePool: 'allow',
  ownDataPlane: false,
  onChange: () => KEEP,
  problems: [],
};

/**
 * Reads the data of the ConfigMap. Never fails: what cannot be used is listed in `problems`, with its key, and disables
 * nothing else. `undefined` stands for a ConfigMap that does not exist; an empty one is configured and has no pools.
 */
export function parsePools(data: Readonly<Record<string, string>> | undefined): Pools {
  if (data === undefined) return NO_POOLS;
  const problems: PoolProblem[] = [];
  const notice = (key: string, value: string, problem: string) =>
    problems.push({ key, value, problem, severity: 'notice' });
  const order = readOrder(data[SEARCH_ORDER], notice);
  const skipEndsOfCidrs = readSwitch(SKIP_ENDS, data[SKIP_ENDS], notice);
  const reads = new Map<string, { cidr?: ReadSource; range?: ReadSource }>();
  const interfaces = new Map<string, string>();
  const sharing = new Map<string, boolean>();
  for (const [key, value] of Object.entries(data)) {
    const [, kind, scope] = SCOPED_KEY.exec(key) ?? [];
    if (scope === undefined) {
      if (key !== SEARCH_ORDER && key !== SKIP_ENDS)
        notice(key, value, `unknown key; expected ${KNOWN_KEYS}`);
    } else if (kind === 'cidr' || kind === 'range') {
      const read = readSource(key, value, { skipEndsOfCidrs });
      problems.push(...read.problems);
      reads.set(scope, { ...reads.get(scope), [kind]: read });
    } else if (kind === 'interface') {
      if (value.trim() === '') notice(key, value, 'is empty; expected the name of a network interface');
      else interfaces.set(scope, value.trim());
    } else sharing.set(scope, readSwitch(key, value, notice));
  }
  const byId = new Map<string, Pool>();
  for (const [scope, { cidr, range }] of reads) {
    const parts = [cidr, range].filter((part) => part !== undefined);
    byId.set(scope, poolOf(scope, parts, order, problems));
  }
  return { ...NO_POOLS, configured: true, byId, interfaces, sharing, problems };
}

const KNOWN_KEYS = `cidr-, range-, interface- or allow-share- with a namespace or global, ${SEARCH_ORDER} or ${SKIP_ENDS}`;

function poolOf(
  scope: string,
  parts: readonly ReadSource[],
  order: Pool['order'],
  problems: PoolProblem[],
): Pool {
  const sources = parts.map((part) => part.source).filter((source) => !source.addresses.isEmpty());
  const dhcp = new Set<Family>();
  for (const family of FAMILIES) {
    const asking = parts.find((part) => part.dhcp.includes(family));
    if (asking === undefined) continue;
    if (sources.every(({ addresses }) => addresses.isEmpty(family))) dhcp.add(family);
    else problems.push(ignoredDhcp(asking.source.key, family));
  }
  return {
    kind: scope === GLOBAL_POOL ? 'global' : 'namespace',
    id: scope,
    name: scope,
    sources,
    order,
    dhcp,
    avoid: IntervalSet.empty,
    selector: undefined,
    autoAssign: true,
    onChange: KEEP,
    cooldownMs: undefined,
  };
}

function ignoredDhcp(key: string, family: Family): PoolProblem {
  const value = family === 4 ? '0.0.0.0/32' : '::/128';
  const problem = `${value} (DHCP) stands beside other ${familyName(family)} addresses and is ignored; expected it alone`;
  return { key, value, problem, severity: 'notice' };
}

type Notice = (key: string, value: string, problem: string) => void;

function readOrder(value: string | undefined, notice: Notice): Pool['order'] {
  const word = value?.trim() ?? 'asc';
  if (word === 'desc') return 'descending';
  if (word !== 'asc') notice(SEARCH_ORDER, word, 'expected asc or desc; read as asc');
  return 'ascending';
}

function readSwitch(key: string, value: string | undefined, notice: Notice): boolean {
  if (value === undefined) return false;
  const result = parseBool(value);
  if (result.ok) return result.value;
  notice(key, value, `expected ${result.problem}; read as false`);
  return false;
}
