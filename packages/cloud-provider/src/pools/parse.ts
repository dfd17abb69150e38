// SPDX-License-Identifier: Apache-2.0
import { FAMILIES, type Family, familyName } from '@fairlead/shared/address/address.ts';
import { IntervalSet } from '@fairlead/shared/address/interval-set.ts';
import type { Parsed } from '@fairlead/shared/address/parsed.ts';
import { type KeyValue, ProblemList } from '@fairlead/shared/pools/problems.ts';
import { type ReadSource, readSource } from '@fairlead/shared/pools/read-source.ts';
import {
  type GlobalKey,
  isNamespaceName,
  NAMED_PREFIX,
  type NamespaceKey,
  nearestKey,
  type PoolKey,
  readKey,
} from './keys.ts';
import { readBool, readInterface, readWord } from './parse-values.ts';
import { GLOBAL_POOL, type Pool, type PoolKind, type PoolSource, type Pools } from './pool.ts';
import { type OptionEntry, OptionTable } from './pool-options.ts';

/** No ConfigMap: no pool, and nothing wrong with any key. */
export const NO_POOLS: Pools = {
  configured: false,
  byId: new Map(),
  interfaces: new Map(),
  sharing: new Map(),
  avoidEverywhere: IntervalSet.empty,
  requestedOutsidePool: 'allow',
  ownDataPlane: false,
  onChange: () => ({ kind: 'keep' }),
  problems: [],
};

/** The keys of the ConfigMap, taken apart and in order. */
interface SortedKeys {
  readonly pools: readonly (KeyValue & { readonly word: PoolKey; readonly suffix: string })[];
  readonly options: readonly OptionEntry[];
  readonly namespaces: readonly (KeyValue & { readonly word: NamespaceKey; readonly suffix: string })[];
  readonly globals: ReadonlyMap<GlobalKey, KeyValue>;
}

/** What the keys of one pool list. */
interface PoolDraft {
  readonly kind: PoolKind;
  readonly id: string;
  readonly name: string;
  /** By beginning of the key: `cidr` before `range`. */
  readonly parts: ReadSource[];
}

/**
 * Reads the data of the ConfigMap. Never fails: what cannot be used is listed in `problems`, with its key, and disables
 * nothing else. The order of the keys means nothing. `undefined` stands for a ConfigMap that does not exist; an empty one
 * is configured and has no pools.
 */
export function parsePools(data: Readonly<Record<string, string>> | undefined): Pools {
  if (data === undefined) return NO_POOLS;
  const problems = new ProblemList();
  const keys = sortKeys(data, problems);
  const globals = readGlobals(keys.globals, problems);
  const drafts = readDrafts(keys.pools, globals.skipEndsOfCidrs, problems);
  const kinds = new Map([...drafts].map(([id, { kind }]) => [id, kind]));
  const options = new OptionTable(keys.options, kinds, problems);
  const byId = new Map<string, Pool>();
  for (const [id, draft] of drafts) byId.set(id, poolOf(draft, options, globals.order, problems));
  return {
    configured: true,
    byId,
    ...readNamespaceKeys(keys.namespaces, problems),
    avoidEverywhere: options.of(GLOBAL_POOL).avoid,
    requestedOutsidePool: globals.requestedOutsidePool,
    ownDataPlane: globals.ownDataPlane,
    onChange: (id) => options.onChange(id),
    problems: problems.sorted(),
  };
}

function sortKeys(data: Readonly<Record<string, string>>, problems: ProblemList): SortedKeys {
  const pools: (KeyValue & { word: PoolKey; suffix: string })[] = [];
  const options: OptionEntry[] = [];
  const namespaces: (KeyValue & { word: NamespaceKey; suffix: string })[] = [];
  const globals = new Map<GlobalKey, KeyValue>();
  for (const key of Object.keys(data).sort()) {
    const entry = { key, value: data[key] ?? '' };
    const name = readKey(key);
    if (name === undefined) reportUnknown(entry, problems);
    else if (name.group === 'global') globals.set(name.word, entry);
    else if (name.group === 'option') options.push({ ...entry, word: name.word, suffix: name.suffix });
    else if (name.word !== 'pool' && !isNamespaceName(name.suffix)) {
      reportImpossible(entry, name.word, name.suffix, problems);
    } else if (name.group === 'pool') pools.push({ ...entry, word: name.word, suffix: name.suffix });
    else namespaces.push({ ...entry, word: name.word, suffix: name.suffix });
  }
  return { pools, options, namespaces, globals };
}

const KNOWN_KEYS =
  'cidr-, range-, interface- or allow-share- with a namespace or global, pool- with a name, avoid-, selector-, auto-assign-, on-change- or cooldown- with a pool, search-order, skip-end-ips-in-cidr, requested-outside-pool or data-plane';

function reportUnknown(entry: KeyValue, problems: ProblemList): void {
  const near = nearestKey(entry.key);
  const problem =
    near === undefined ? `unknown key; expected ${KNOWN_KEYS}` : `unknown key; did you mean ${near}?`;
  problems.add(entry, 'warning', problem, {
    unknownKey: true,
    ...(near !== undefined && { nearestKey: near }),
  });
}

/** The key is for a namespace that cannot exist, such as `Global`. */
function reportImpossible(entry: KeyValue, word: string, suffix: string, problems: ProblemList): void {
  const lower = suffix.toLowerCase();
  const near = isNamespaceName(lower) ? `${word}-${lower}` : undefined;
  const hint = near === undefined ? '' : `; did you mean ${near}?`;
  problems.add(entry, 'warning', `has no effect: no namespace can be called "${suffix}"${hint}`, {
    ...(near !== undefined && { nearestKey: near }),
  });
}

/** What the keys say that hold for everything. */
type Globals = Pick<Pools, 'requestedOutsidePool' | 'ownDataPlane'> &
  Pick<Pool, 'order'> & { readonly skipEndsOfCidrs: boolean };

function readGlobals(globals: ReadonlyMap<GlobalKey, KeyValue>, problems: ProblemList): Globals {
  const read = <T>(
    key: GlobalKey,
    parse: (value: string) => Parsed<T>,
    { absent, unreadable, as, severity = 'warning' }: Reading<T>,
  ): T => {
    const entry = globals.get(key);
    if (entry === undefined) return absent;
    const result = parse(entry.value);
    if (result.ok) return result.value;
    problems.add(entry, severity, `${result.problem}; read as ${as}`);
    return unreadable;
  };
  const word =
    <T extends string>(...words: readonly T[]) =>
    (value: string) =>
      readWord(value, words);
  const order = read('search-order', word('asc', 'desc'), { absent: 'asc', unreadable: 'asc', as: 'asc' });
  return {
    order: order === 'desc' ? 'descending' : 'ascending',
    // Who writes the key means to keep the ends out; two addresses less do less harm than a router's.
    skipEndsOfCidrs: read('skip-end-ips-in-cidr', readBool, { absent: false, unreadable: true, as: 'true' }),
    // Who writes the key means to close something: `allow` is the default.
    requestedOutsidePool: read('requested-outside-pool', word('allow', 'deny'), {
      absent: 'allow',
      unreadable: 'deny',
      as: 'deny',
      severity: 'error',
    }),
    // The careful reading: Services share an address only where any data plane keeps them apart.
    ownDataPlane:
      read('data-plane', word('kube-proxy', 'fairlead'), {
        absent: 'kube-proxy',
        unreadable: 'kube-proxy',
        as: 'kube-proxy',
      }) === 'fairlead',
  };
}

/** What a key means when it is not there, and when it cannot be read. */
interface Reading<T> {
  readonly absent: T;
  readonly unreadable: T;
  /** How `unreadable` is spelled. */
  readonly as: string;
  readonly severity?: 'error' | 'warning';
}

function readDrafts(
  entries: SortedKeys['pools'],
  skipEndsOfCidrs: boolean,
  problems: ProblemList,
): ReadonlyMap<string, PoolDraft> {
  const drafts = new Map<string, PoolDraft>();
  // Sorted by key: cidr-, pool-, range-. A namespace's keys are read before a named pool can take its id.
  const named = entries.filter(({ word }) => word === 'pool');
  for (const entry of [...entries.filter(({ word }) => word !== 'pool'), ...named]) {
    const { word, suffix } = entry;
    const id = word === 'pool' ? `${NAMED_PREFIX}${suffix}` : suffix;
    const known = drafts.get(id);
    if (word === 'pool' && known !== undefined) {
      const problem = `cannot be used beside ${known.parts.map(({ source }) => source.key).join(' and ')}: the pool of the namespace ${id} has the same id; expected another name`;
      problems.add(entry, 'error', problem, { pool: id });
      continue;
    }
    const part = readSource(entry, { expected: word, skipEndsOfCidrs, pool: id }, problems);
    if (known !== undefined) known.parts.push(part);
    else drafts.set(id, { kind: kindOf(word, suffix), id, name: suffix, parts: [part] });
  }
  return drafts;
}

function kindOf(word: PoolKey, suffix: string): PoolKind {
  if (word === 'pool') return 'named';
  return suffix === GLOBAL_POOL ? 'global' : 'namespace';
}

function poolOf(
  { kind, id, name, parts }: PoolDraft,
  options: OptionTable,
  order: Pool['order'],
  problems: ProblemList,
): Pool {
  const own = options.of(id);
  const everywhere = options.of(GLOBAL_POOL);
  const avoid = id === GLOBAL_POOL ? own.avoid : own.avoid.union(everywhere.avoid);
  const listed = parts.map(({ source }) => source).filter(({ addresses }) => !addresses.isEmpty());
  return {
    kind,
    id,
    name,
    sources: withoutAvoided(listed, avoid, id, problems),
    order,
    dhcp: dhcpFamilies(parts, listed, id, problems),
    avoid,
    selector: own.selector,
    selectorUnreadable: own.selectorUnreadable,
    autoAssign: own.autoAssign ?? true,
    onChange: options.onChange(id),
    cooldownMs: own.cooldownMs ?? everywhere.cooldownMs,
  };
}

function withoutAvoided(
  sources: readonly PoolSource[],
  avoid: IntervalSet,
  pool: string,
  problems: ProblemList,
): readonly PoolSource[] {
  if (avoid.isEmpty()) return sources;
  return sources
    .map((source) => {
      const addresses = source.addresses.subtract(avoid);
      if (addresses.isEmpty()) {
        problems.add(source, 'error', 'gives no address: every one of them is to be avoided', { pool });
      }
      return {
        ...source,
        addresses,
        namedEnds: source.namedEnds.filter((end) => !avoid.contains(end)),
      };
    })
    .filter(({ addresses }) => !addresses.isEmpty());
}

/** The families that are asked of DHCP: those whose DHCP entry stands alone. */
function dhcpFamilies(
  parts: readonly ReadSource[],
  sources: readonly PoolSource[],
  pool: string,
  problems: ProblemList,
): ReadonlySet<Family> {
  const families = new Set<Family>();
  for (const family of FAMILIES) {
    const asking = parts.find(({ dhcp }) => dhcp.includes(family));
    if (asking === undefined) continue;
    if (sources.every(({ addresses }) => addresses.isEmpty(family))) families.add(family);
    else {
      const entry = family === 4 ? '0.0.0.0/32' : '::/128';
      const problem = `${entry} (DHCP) stands beside other ${familyName(family)} addresses and is ignored; expected it alone`;
      problems.add(asking.source, 'warning', problem, { pool });
    }
  }
  return families;
}

function readNamespaceKeys(
  entries: SortedKeys['namespaces'],
  problems: ProblemList,
): Pick<Pools, 'interfaces' | 'sharing'> {
  const interfaces = new Map<string, string>();
  const sharing = new Map<string, boolean>();
  for (const entry of entries) {
    if (entry.word === 'interface') {
      const name = readInterface(entry.value);
      if (name.ok) interfaces.set(entry.suffix, name.value);
      else problems.add(entry, 'warning', name.problem);
      continue;
    }
    const answer = readBool(entry.value);
    if (!answer.ok) problems.add(entry, 'warning', `${answer.problem}; read as false`);
    sharing.set(entry.suffix, answer.ok && answer.value);
  }
  return { interfaces, sharing };
}
